import Testing

@testable import RelayConfiguration

@Suite struct DestinationTests {
    private let two = [
        "MONGODB_URI": "mongodb://h/shop", "DESTINATIONS": "ledger,billing",
        "DESTINATION_LEDGER_URL": "postgres://a/db", "DESTINATION_BILLING_URL": "postgres://b/db",
    ]

    private func with(_ more: [String: String]) -> [String: String] { two.merging(more) { $1 } }

    @Test func defaultsOfAllAndOwnOptions() throws {
        let settings = try RelaySettings.load(
            environment: with(["DESTINATION_SCHEMA": "queue", "DESTINATION_BILLING_SCHEMA": "bills"]))
        #expect(settings.destinations.map(\.name) == ["ledger", "billing"])
        #expect(settings.destinations.map(\.schema) == ["queue", "bills"])
        #expect(settings.destinations.map(\.url) == ["postgres://a/db", "postgres://b/db"])
        let entries = settings.report.filter { $0.variable.hasSuffix("_SCHEMA") }
        #expect(entries.map(\.variable) == ["DESTINATION_LEDGER_SCHEMA", "DESTINATION_BILLING_SCHEMA"])
        #expect(entries.map(\.origin) == ["environment DESTINATION_SCHEMA", "environment DESTINATION_BILLING_SCHEMA"])
    }

    @Test func fromTheFile() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file(
            "relay.yaml",
            """
            mongodb: {uri: "mongodb://h/shop"}
            destination: {schema: shared}
            destinations:
              ledger: {url: "postgres://a/db", payloadType: bytea}
              billing:
            """)
        let settings = try RelaySettings.load(
            environment: ["DESTINATION_BILLING_URL": "postgres://b/db", "DESTINATION_SCHEMA": "env"], configFile: path)
        #expect(settings.destinations.map(\.name) == ["ledger", "billing"])
        #expect(settings.destinations.map(\.schema) == ["env", "env"])
        #expect(settings.destinations[0].payloadType == .bytea)
        #expect(settings.report.contains { $0.variable == "DESTINATIONS" && $0.origin == "file \(path) destinations" })
    }

    @Test(arguments: [
        ("DESTINATION_URL", "postgres://c/db"), ("DESTINATION_SECRET", Sample.secret), ("DESTINATION_HEADERS", "A: b"),
        ("DESTINATION_TLS_CA", Sample.pem), ("DESTINATION_TLS_CERT", Sample.pem), ("DESTINATION_TLS_KEY", Sample.key),
        ("DESTINATION_OAUTH_TOKEN_URL", "https://id.example/"), ("DESTINATION_OAUTH_CLIENT_ID", "x"),
        ("DESTINATION_OAUTH_CLIENT_SECRET", "x"), ("DESTINATION_OAUTH_SCOPE", "x"),
    ]) func notForAll(name: String, value: String) {
        let found = problems(with([name: value]))
        #expect(found.count == 1 && found[0].variable == name, "\(found)")
        #expect(found.first?.sentence.contains("several destinations") == true)
    }

    @Test func undeclaredName() {
        let found = problems(with(["DESTINATION_AUDIT_URL": "postgres://u:hunter2@c/db"]))
        #expect(found.map(\.variable) == ["DESTINATION_AUDIT_URL"])
        #expect(found.first?.sentence.contains("\"audit\", but DESTINATIONS does not name it") == true)
        #expect(!found.description.contains("hunter2"))
        let unset = problems(environment(["DESTINATION_AUDIT_URL": "postgres://c/db"]))
        #expect(unset.first?.sentence.contains("DESTINATIONS is not set") == true)
        let misspelt = problems(with(["DESTINATION_LEDGE_SCHEMA": "x"]))
        #expect(misspelt.first?.sentence.hasSuffix("did you mean DESTINATION_LEDGER_SCHEMA?") == true)
    }

    @Test func missingURL() {
        var variables = two
        variables["DESTINATION_BILLING_URL"] = nil
        #expect(problems(variables).map(\.variable) == ["DESTINATION_BILLING_URL"])
        #expect(problems(["MONGODB_URI": "mongodb://h/db"]).map(\.variable) == ["DESTINATION_URL"])
    }

    @Test func refusedNamesHideNothingElse() {
        let found = problems([
            "MONGODB_URI": "mongodb://h/db", "DESTINATIONS": "url,x", "DESTINATION_X_URL": "postgres://c/db",
            "RELAY_LEASE_TTL": "1h",
        ])
        #expect(found.map(\.variable) == ["DESTINATIONS", "RELAY_LEASE_TTL"])
    }

    @Test func allBadNamesAreListed() {
        func sentence(_ names: String) -> String {
            problems(["MONGODB_URI": "mongodb://h/db", "DESTINATIONS": names]).first?.sentence ?? ""
        }
        let long = String(repeating: "x", count: 64)
        #expect(
            sentence("Ledger,ok, 2x,url,retry,ok,a-b,,\(long)") == """
                holds an empty name, and holds names that do not match `[a-z][a-z0-9]*` ("Ledger", "2x", "a-b"), \
                and holds names of more than 63 characters ("\(long)"), \
                and holds names that are the first word of an option ("url", "retry"), and holds names twice ("ok")
                """)
        #expect(sentence("ledger, billing,crm") == "is required and not set", "of their URLs")
        // Not names at all, but a URL whose password holds a comma.
        let found = problems(["MONGODB_URI": "mongodb://h/db", "DESTINATIONS": "postgres://u:a,hunter2,Hunter2@h/db"])
        #expect(found.first?.variable == "DESTINATIONS" && !found.description.lowercased().contains("hunter2"))
        #expect(!sentence("whsec_Hunter2").contains("Hunter2"))
    }

    @Test func badNamesOfTheFile() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file(
            "relay.yaml",
            """
            mongodb: {uri: "mongodb://h/shop"}
            destinations:
              "a,b": {url: "postgres://a/db"}
              Url: {url: "postgres://b/db"}
              crm: {url: "https://crm.example/"}
            """)
        let found = problems([:], file: path)
        #expect(found.map(\.variable) == ["DESTINATIONS"])
        #expect(found.first?.sentence.contains("(\"a,b\", \"Url\")") == true, "\(found)")
    }

    @Test func everyOptionsFirstWordIsReserved() {
        let words = [
            "url", "topics", "types", "queue", "job", "sql", "schema", "payload", "retention", "auto", "partitions",
            "claim", "format", "secret", "headers", "tls", "oauth", "compression", "rate", "timeout", "concurrency",
            "ordering", "retry", "spool",
        ]
        #expect(DestinationNames.reserved == Set(words))
    }

    @Test func aBadDefaultIsFoundOnceAndEvenWhereUnused() {
        #expect(problems(with(["DESTINATION_RETENTION": "7"])).map(\.variable) == ["DESTINATION_RETENTION"])
        let unused = with([
            "DESTINATION_SCHEMA": "Bad", "DESTINATION_LEDGER_SCHEMA": "a", "DESTINATION_BILLING_SCHEMA": "b",
        ])
        #expect(problems(unused).map(\.variable) == ["DESTINATION_SCHEMA"])
    }
}
