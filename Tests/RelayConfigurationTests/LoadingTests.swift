import Foundation
import Testing

@testable import RelayConfiguration

@Suite struct LoadingTests {
    @Test func twoVariablesAreEnough() throws {
        let settings = try RelaySettings.load(environment: minimal)
        #expect(settings.name == "shop.outbox")
        #expect(settings.eventSource == "/shop/outbox")
        #expect(settings.database == "shop" && settings.stateDatabase == "shop")
        #expect(settings.mongodbURI == minimal["MONGODB_URI"])
        #expect(settings.batchEvents == 2000 && settings.batchBytes == 4 << 20 && settings.batchLinger == .zero)
        #expect(settings.bufferBytes == 32 << 20 && settings.leaseTTL == .seconds(10))
        #expect(settings.httpHost == "::" && settings.httpPort == 9808)
        #expect(settings.logLevel == .info && settings.logFormat == .json && settings.shutdownTimeout == .seconds(25))
        let source = settings.source
        #expect(source.kind == .outbox && source.collections == ["outbox"] && source.capture == .stream)
        #expect(source.fields.id == "_id" && source.fields.topic == "aggregatetype" && source.fields.sequence == nil)
        #expect(source.fields.key == "aggregateid" && source.fields.time == "occurredAt")
        #expect(source.backlog == .publish && source.cleanup == .none && source.json == .plain)
        #expect(source.onPoison == .deadletter && source.onHistoryLost == .rescan && source.onInvalidate == .resume)
        let destination = try #require(settings.destinations.first)
        #expect(settings.destinations.count == 1 && destination.name == "default" && destination.kind == .postgresql)
        #expect(destination.topics == ["*"] && destination.types == ["*"] && destination.queue == .native)
        #expect(destination.schema == "outbox_relay" && destination.payloadType == .json && destination.autoSetup)
        #expect(destination.retention == .seconds(7 * 86_400) && destination.retentionMax == .seconds(30 * 86_400))
        #expect(destination.webhook.timeout == .seconds(15) && destination.webhook.concurrency == 32)
    }

    @Test func environmentOverFileOverDefaults() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file(
            "relay.yaml",
            """
            relay:
              batchEvents: 10
              leaseTtl: 20s
            source:
              field:
                schemaVersion: version
            destination:
              topics: [order, invoice*]
              autoSetup: false
            compensation:
            """)
        let settings = try RelaySettings.load(
            environment: environment(["RELAY_CONFIG": path, "RELAY_BATCH_EVENTS": "11"]))
        #expect(settings.batchEvents == 11 && settings.leaseTTL == .seconds(20))
        #expect(settings.source.fields.schemaVersion == "version")
        #expect(settings.destinations[0].topics == ["order", "invoice*"] && !settings.destinations[0].autoSetup)
        let origins = Dictionary(uniqueKeysWithValues: settings.report.map { ($0.variable, $0.origin) })
        #expect(origins["RELAY_BATCH_EVENTS"] == "environment RELAY_BATCH_EVENTS")
        #expect(origins["RELAY_LEASE_TTL"] == "file \(path) relay.leaseTtl")
        #expect(origins["RELAY_BUFFER_BYTES"] == "default")
    }

    @Test func commandLineOverEnvironment() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("a.yaml", "relay: {name: from-file}")
        let settings = try RelaySettings.load(
            environment: environment(["RELAY_CONFIG": "/nonexistent.yaml", "RELAY_LOG_LEVEL": "debug"]),
            configFile: path, logLevel: "trace")
        #expect(settings.name == "from-file" && settings.logLevel == .trace)
        let origins = Dictionary(uniqueKeysWithValues: settings.report.map { ($0.variable, $0.origin) })
        #expect(origins["RELAY_LOG_LEVEL"] == "command line --log-level")
        #expect(origins["RELAY_CONFIG"] == "command line --config")
        #expect(throws: ConfigurationProblems.self) {
            try RelaySettings.load(environment: minimal, logLevel: "loud")
        }
    }

    @Test func bothFormsAreAContradiction() throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("level", "debug\n")
        let found = problems(environment(["RELAY_LOG_LEVEL": "info", "RELAY_LOG_LEVEL_FILE": file]))
        #expect(found.map(\.variable) == ["RELAY_LOG_LEVEL"])
        #expect(found.first?.sentence.contains("RELAY_LOG_LEVEL_FILE") == true)
        let yaml = try folder.file("relay.yaml", "relay: {logLevel: info, logLevelFile: \(file)}")
        #expect(problems(minimal, file: yaml).map(\.variable) == ["RELAY_LOG_LEVEL"])
        // Over layers there is no contradiction: the environment goes first.
        let layered = try folder.file("layered.yaml", "relay: {logLevelFile: \(file)}")
        let settings = try RelaySettings.load(
            environment: environment(["RELAY_LOG_LEVEL": "error"]), configFile: layered)
        #expect(settings.logLevel == .error)
    }

    @Test func filesThatCannotBeRead() throws {
        let folder = try TemporaryFolder()
        let binary = folder.path + "/binary"
        try #require(fopenWrite(binary, [0xFF, 0xFE, 0x00]))
        for (path, reason) in [
            (folder.path + "/missing", "No such file"), (folder.path, "Is a directory"), (binary, "not UTF-8"),
        ] {
            let found = problems(environment(["RELAY_NAME_FILE": path]))
            #expect(found.count == 1 && found[0].variable == "RELAY_NAME_FILE", "\(found)")
            #expect(found.first?.sentence.contains("\(path): \(reason)") == true, "\(found)")
            let config = problems(environment(["RELAY_CONFIG": path]))
            #expect(config.count == 1 && config[0].variable == "RELAY_CONFIG", "\(config)")
        }
        #expect(problems(environment(["RELAY_NAME_FILE": ""])).first?.sentence == "is empty")
    }

    @Test func onlyOneNewlineIsRemoved() throws {
        #expect(TextFile.withoutFinalNewline("a\n\n") == "a\n")
        #expect(TextFile.withoutFinalNewline("a\r\n") == "a")
        #expect(TextFile.withoutFinalNewline("a\n") == "a")
        #expect(TextFile.withoutFinalNewline("a ") == "a ")
        #expect(TextFile.withoutFinalNewline("\n") == "")
        #expect(TextFile.withoutFinalNewline("a\u{2028}") == "a\u{2028}")
    }

    @Test func allProblemsAtOnce() {
        let found = problems([
            "DESTINATION_URL": "ftp://x", "RELAY_LEASE_TTL": "10m", "RELAY_HTTP_PORT": "http", "SOURCE_KIND": "table",
            "SOURCE_KNID": "outbox", "DESTINATION_SECRET_FILE": "/nonexistent/secret", "RELAY_BATCH_BYTES": "1KiB",
        ])
        #expect(
            found.map(\.variable) == [
                "DESTINATION_SECRET_FILE", "DESTINATION_URL", "MONGODB_URI", "RELAY_BATCH_BYTES", "RELAY_HTTP_PORT",
                "RELAY_LEASE_TTL", "SOURCE_KIND", "SOURCE_KNID",
            ])
        let text = ConfigurationProblems(found).description
        #expect(text.split(separator: "\n").count == found.count)
        #expect(
            text.contains(
                "RELAY_LEASE_TTL is out of range; found: \"10m\"; "
                    + "accepted: a duration from 1s to 5m (`ms`, `s`, `m`, `h`, `d`)"))
    }

    @Test func emptyFieldsAreNotRead() throws {
        let settings = try RelaySettings.load(environment: environment(["SOURCE_FIELD_HEADERS": ""]))
        #expect(settings.source.fields.headers == nil)
        #expect(problems(environment(["SOURCE_FIELD_TYPE": ""])).map(\.variable) == ["SOURCE_FIELD_TYPE"])
    }

    @Test func databases() throws {
        var variables = minimal
        variables["MONGODB_URI"] = "mongodb://h/admin"
        #expect(problems(variables).map(\.variable) == ["MONGODB_URI"])
        variables["MONGODB_DATABASE"] = "shop"
        #expect(try RelaySettings.load(environment: variables).database == "shop")
        variables["RELAY_STATE_DATABASE"] = "state"
        #expect(try RelaySettings.load(environment: variables).stateDatabase == "state")
        for uri in ["mongodb://h", "mongodb://h/", "mongodb://u:hunter2@h/?replicaSet=rs0"] {
            let found = problems(environment(["MONGODB_URI": uri]))
            #expect(found.count == 1 && found[0].sentence.contains("MONGODB_DATABASE"), "\(found)")
            #expect(!found.description.contains("hunter2"))
        }
        let encoded = try RelaySettings.load(environment: environment(["MONGODB_URI": "mongodb://h/sh%C3%B6p"]))
        #expect(encoded.database == "shöp" && encoded.eventSource == "/sh%C3%B6p/outbox")
    }

    @Test func missingURIWithSimilarName() {
        let found = problems(["MONGO_URI": "mongodb://u:hunter2@h/db", "DESTINATION_URL": "postgres://h/db"])
        #expect(found.map(\.variable) == ["MONGODB_URI"])
        #expect(found.first?.sentence.contains("MONGO_URI is set") == true)
        #expect(!found.description.contains("hunter2"))
    }
}

private func fopenWrite(_ path: String, _ bytes: [UInt8]) -> Bool {
    guard let file = fopen(path, "w") else { return false }
    defer { fclose(file) }
    return fwrite(bytes, 1, bytes.count, file) == bytes.count
}
