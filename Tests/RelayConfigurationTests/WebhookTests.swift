import Testing

@testable import RelayConfiguration

@Suite struct WebhookTests {
    private let hook = ["MONGODB_URI": "mongodb://h/shop", "DESTINATION_URL": "https://billing.example/hooks"]

    private func with(_ more: [String: String]) -> [String: String] { hook.merging(more) { $1 } }

    private static let oauth = [
        "DESTINATION_OAUTH_TOKEN_URL": "https://id.example/token", "DESTINATION_OAUTH_CLIENT_ID": "relay",
        "DESTINATION_OAUTH_CLIENT_SECRET": "hunter2",
    ]

    @Test func twoVariablesAreEnough() throws {
        let destination = try #require(try RelaySettings.load(environment: hook).destinations.first)
        #expect(destination.kind == .webhook && destination.url == "https://billing.example/hooks")
        let webhook = destination.webhook
        #expect(webhook.format == .cloudevents && webhook.secrets.isEmpty && webhook.headers.isEmpty)
        #expect(webhook.tlsCA == nil && webhook.tlsCertificate == nil && webhook.tlsKey == nil)
        #expect(webhook.oauth == nil && webhook.compression == .none && webhook.rate == nil)
        #expect(webhook.timeout == .seconds(15) && webhook.concurrency == 32 && webhook.ordering == .key)
        #expect(webhook.retryFirst == .seconds(1) && webhook.retryMax == .seconds(3600))
        #expect(webhook.retryFor == .seconds(86_400))
    }

    /// Every option of a webhook away from its default, secrets as files.
    @Test func everything() throws {
        let folder = try TemporaryFolder()
        func file(_ name: String, _ text: String) throws -> String { try folder.file(name, text + "\n") }
        let settings = try RelaySettings.load(
            environment: with([
                "DESTINATION_FORMAT": "cloudevents-batch",
                "DESTINATION_SECRET_FILE": try file("secret", "\(Sample.signingKey) \(Sample.secret)"),
                "DESTINATION_HEADERS_FILE": try file("headers", "X-Tenant: acme\r\nX-Key:hunter2"),
                "DESTINATION_TLS_CA_FILE": try file("ca", Sample.pem),
                "DESTINATION_TLS_CERT_FILE": try file("cert", Sample.pem),
                "DESTINATION_TLS_KEY_FILE": try file("key", Sample.key),
                "DESTINATION_OAUTH_TOKEN_URL": "https://id.example/token", "DESTINATION_OAUTH_CLIENT_ID": "relay",
                "DESTINATION_OAUTH_CLIENT_SECRET_FILE": try file("client", "hunter2"),
                "DESTINATION_OAUTH_SCOPE": "events write", "DESTINATION_COMPRESSION": "gzip", "DESTINATION_RATE": "50",
                "DESTINATION_TIMEOUT": "5s", "DESTINATION_CONCURRENCY": "8", "DESTINATION_ORDERING": "none",
                "DESTINATION_RETRY_FIRST": "250ms", "DESTINATION_RETRY_MAX": "10m", "DESTINATION_RETRY_FOR": "2d",
                "DESTINATION_TOPICS": "order", "DESTINATION_TYPES": "*Placed", "DESTINATION_AUTO_SETUP": "false",
            ]))
        #expect(!settings.destinations[0].autoSetup)
        let webhook = settings.destinations[0].webhook
        #expect(webhook.format == .cloudeventsBatch && webhook.secrets == [Sample.signingKey, Sample.secret])
        #expect(webhook.headers.map(\.name) == ["X-Tenant", "X-Key"])
        #expect(webhook.headers.map(\.value) == ["acme", "hunter2"])
        #expect(webhook.tlsCA == Sample.pem && webhook.tlsCertificate == Sample.pem && webhook.tlsKey == Sample.key)
        #expect(webhook.oauth?.tokenURL == "https://id.example/token" && webhook.oauth?.clientID == "relay")
        #expect(webhook.oauth?.clientSecret == "hunter2" && webhook.oauth?.scope == "events write")
        #expect(webhook.compression == .gzip && webhook.rate == 50 && webhook.timeout == .seconds(5))
        #expect(webhook.concurrency == 8 && webhook.ordering == .none)
        #expect(webhook.retryFirst == .milliseconds(250) && webhook.retryMax == .seconds(600))
        #expect(webhook.retryFor == .seconds(2 * 86_400))

        let report = settings.report.map { "\($0.variable)=\($0.value ?? "")" }.joined(separator: "\n")
        for secret in ["hunter2", "whsec_", "whsk_", "BEGIN"] { #expect(!report.contains(secret), "\(report)") }
        #expect(report.contains("DESTINATION_OAUTH_CLIENT_ID=relay") && report.contains("DESTINATION_SECRET=***"))
        #expect(!report.contains("DESTINATION_SCHEMA") && !report.contains("DESTINATION_SPOOL_BYTES"))
    }

    @Test func severalDestinations() throws {
        let settings = try RelaySettings.load(environment: [
            "MONGODB_URI": "mongodb://h/shop", "DESTINATIONS": "ledger,billing,crm",
            "DESTINATION_LEDGER_URL": "postgres://pg/events", "DESTINATION_BILLING_URL": "https://billing.example/",
            "DESTINATION_CRM_URL": "https://billing.example/", "DESTINATION_BILLING_SECRET": Sample.secret,
            "DESTINATION_BILLING_OAUTH_TOKEN_URL": "https://id.example/", "DESTINATION_BILLING_OAUTH_CLIENT_ID": "b",
            "DESTINATION_BILLING_OAUTH_CLIENT_SECRET": "s", "DESTINATION_CRM_HEADERS": "X-Key: k",
            "DESTINATION_TIMEOUT": "5s", "DESTINATION_CRM_TIMEOUT": "9s", "DESTINATION_TOPICS": "order",
        ])
        #expect(settings.destinations.map(\.name) == ["ledger", "billing", "crm"])
        #expect(settings.destinations.map(\.kind) == [.postgresql, .webhook, .webhook])
        #expect(settings.destinations.map(\.topics) == [["order"], ["order"], ["order"]])
        let (billing, crm) = (settings.destinations[1].webhook, settings.destinations[2].webhook)
        // Two destinations may have one URL; what opens one is not sent to the other.
        #expect(billing.secrets == [Sample.secret] && crm.secrets.isEmpty)
        #expect(billing.oauth?.clientID == "b" && crm.oauth == nil)
        #expect(billing.headers.isEmpty && crm.headers.map(\.name) == ["X-Key"])
        #expect(billing.timeout == .seconds(5) && crm.timeout == .seconds(9))
    }

    @Test func secretsOfOneDestinationInTheFile() throws {
        let folder = try TemporaryFolder()
        let secret = try folder.file("secret", Sample.secret)
        let path = try folder.file(
            "relay.yaml",
            """
            mongodb: {uri: "mongodb://h/shop"}
            destination: {retryFor: 2h}
            destinations:
              billing:
                url: https://billing.example/hooks
                secretFile: \(secret)
                headers: ["X-Tenant: acme", "X-Key: k"]
                oauthTokenUrl: https://id.example/token
                oauthClientId: relay
                oauthClientSecretFile: \(secret)
              crm:
                url: https://crm.example/
                secret: [\(Sample.signingKey), \(Sample.secret)]
                tlsCa: "\(Sample.pem.split(separator: "\n").joined(separator: "\\n"))"
            """)
        let settings = try RelaySettings.load(environment: [:], configFile: path)
        let (billing, crm) = (settings.destinations[0].webhook, settings.destinations[1].webhook)
        #expect(billing.secrets == [Sample.secret] && billing.headers.count == 2 && billing.oauth != nil)
        #expect(crm.secrets == [Sample.signingKey, Sample.secret] && crm.tlsCA == Sample.pem)
        #expect(billing.retryFor == .seconds(7200) && crm.retryFor == .seconds(7200))
    }

    @Test(arguments: [
        (
            ["DESTINATION_RETRY_FIRST": "1h", "DESTINATION_RETRY_MAX": "1s"], "DESTINATION_RETRY_FIRST",
            "RETRY_MAX is 1s"
        ),
        (
            ["DESTINATION_RETRY_FIRST": "1m", "DESTINATION_RETRY_FOR": "1s"], "DESTINATION_RETRY_FIRST",
            "RETRY_FOR is 1s"
        ),
        (["DESTINATION_TLS_KEY": Sample.key], "DESTINATION_TLS_KEY", "needs its certificate"),
        (["DESTINATION_TLS_CERT": Sample.pem], "DESTINATION_TLS_CERT", "needs its private key"),
        (
            ["DESTINATION_URL": "http://h/", "DESTINATION_TLS_CA": Sample.pem], "DESTINATION_TLS_CA",
            "without TLS: DESTINATION_URL is http://h/"
        ),
        (
            oauth.merging(["DESTINATION_HEADERS": "authorization: x"]) { $1 }, "DESTINATION_HEADERS",
            "where the token goes"
        ),
        (
            ["DESTINATION_URL": "https://u:p@h/", "DESTINATION_HEADERS": "Authorization: x"], "DESTINATION_HEADERS",
            "DESTINATION_URL is https://u:***@h/"
        ),
        (
            oauth.merging(["DESTINATION_URL": "https://u:p@h/"]) { $1 }, "DESTINATION_OAUTH_TOKEN_URL",
            "one `Authorization`"
        ),
    ]) func contradiction(more: [String: String], variable: String, part: String) {
        let found = problems(with(more))
        #expect(found.count == 1 && found[0].variable == variable, "\(found)")
        #expect(found.first?.sentence.contains(part) == true, "\(found)")
        #expect(!found.description.contains("hunter2"))
        // Each holds for a destination with a name as well, and names its variables.
        var named = ["MONGODB_URI": "mongodb://h/shop", "DESTINATIONS": "billing"]
        for (name, value) in with(more) where name != "MONGODB_URI" {
            named["DESTINATION_BILLING_" + name.dropFirst("DESTINATION_".count)] = value
        }
        let prefixed = "DESTINATION_BILLING_" + variable.dropFirst("DESTINATION_".count)
        #expect(problems(named).map(\.variable) == [prefixed])
    }

    @Test func trustWithoutTLSOfItsOwnMayBeTheTokenEndpoints() {
        let plain = Self.oauth.merging(["DESTINATION_URL": "http://h/", "DESTINATION_TLS_CA": Sample.pem]) { $1 }
        #expect(problems(with(plain)).isEmpty)
        #expect(
            problems(with(plain.merging(["DESTINATION_OAUTH_TOKEN_URL": "http://id/"]) { $1 })).map(\.variable) == [
                "DESTINATION_TLS_CA"
            ])
    }

    @Test func partsOfOAuth() {
        let required = ["TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET"].map { "DESTINATION_OAUTH_" + $0 }
        for name in required {
            var missing = Self.oauth
            missing[name] = nil
            #expect(problems(with(missing)).map(\.variable) == [name])
        }
        let scope = problems(with(["DESTINATION_OAUTH_SCOPE": "x"]))
        #expect(scope.map(\.variable) == required.sorted())
        #expect(scope.allSatisfy { $0.sentence.contains("is required and not set") && $0.accepted != nil })
        // One that was refused is told once, and not called missing.
        let refused = Self.oauth.merging(["DESTINATION_OAUTH_TOKEN_URL": "id"]) { $1 }
        #expect(problems(with(refused)).map(\.variable) == ["DESTINATION_OAUTH_TOKEN_URL"])
    }

    @Test(arguments: [
        ("whsec_" + "QUJD", "too short"), ("whsec_" + String(repeating: "QUJD", count: 22), "too long"),
        ("whsk_QUJD", "wrong length"), ("whsec_!", "not base64"), ("whpk_QUJD", "public key"), ("QUJD", "neither"),
        (Sample.secret + " " + Sample.secret, "twice"),
    ]) func secretsThatAreNone(text: String, part: String) {
        let found = problems(with(["DESTINATION_SECRET": text]))
        #expect(found.map(\.variable) == ["DESTINATION_SECRET"])
        #expect(found.first?.sentence.contains(part) == true, "\(found)")
        #expect(found.first?.found == "***" && !found.description.contains(Sample.secret))
    }

    @Test(arguments: [
        ("DESTINATION_SCHEMA", "x"), ("DESTINATION_PAYLOAD_TYPE", "bytea"), ("DESTINATION_RETENTION", "1d"),
        ("DESTINATION_RETENTION_MAX", "1d"), ("DESTINATION_QUEUE", "native"),
        ("DESTINATION_SPOOL_BYTES", "1GiB"), ("DESTINATION_SQL", "INSERT"),
    ]) func optionsOfQueues(name: String, value: String) {
        let found = problems(with([name: value]))
        #expect(found.contains { $0.variable == name && $0.sentence.hasPrefix("has no effect here") }, "\(found)")
    }

    @Test func whatIsNotBuiltForWebhooksEither() {
        let found = problems(with(["DESTINATION_PARTITIONS": "2"]))
        #expect(found.map(\.variable) == ["DESTINATION_PARTITIONS"])
    }

    @Test func changesMayBeSpooled() throws {
        let settings = try RelaySettings.load(
            environment: with(["SOURCE_KIND": "changes", "DESTINATION_SPOOL_BYTES": "2GiB"]), configFile: nil)
        #expect(settings.destinations.first?.webhook.spoolBytes == 2 << 30)
    }

    @Test(arguments: ["A: b\u{1}hunter2", "A: b\u{7F}hunter2", "A\u{0}: hunter2", "Ä: hunter2"])
    func headersThatNoRequestCanCarry(text: String) {
        let found = problems(with(["DESTINATION_HEADERS": text]))
        #expect(found.map(\.variable) == ["DESTINATION_HEADERS"] && !found.description.contains("hunter2"), "\(found)")
    }

    @Test func aDatabaseIsAskedFor() {
        for url in ["postgres://relay:hunter2@pg", "postgresql://pg:5432/", "postgres://pg?sslmode=require"] {
            let found = problems(with(["DESTINATION_URL": url]))
            #expect(found.count == 1 && found[0].sentence.contains("names no database"), "\(found)")
            #expect(found.first?.sentence.contains("/DATABASE") == true && !found.description.contains("hunter2"))
        }
    }
}
