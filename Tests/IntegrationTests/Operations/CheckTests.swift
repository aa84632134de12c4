import Foundation
import RelayMongoDB
import RelayPostgreSQL
import RelayTesting
import Testing

extension Integration {
    @Suite("check, setup and config")
    struct CheckTests {
        @Test("check where everything is right")
        func allRight() async throws {
            let rig = try await Rig()
            try await rig.insert([outboxDocument(1, payload: 1)])
            #expect(try await rig.command(["setup"]).exitCode == 0)
            let answer = try await rig.command(["check"])
            #expect(answer.exitCode == 0, "\(answer.output)\(answer.error)")
            #expect(answer.output.contains("replica set rs0"))
            let json = try await rig.command(["check", "--json"])
            let findings = try JSONDecoder().decode([[String: String]].self, from: Data(json.output.utf8))
            #expect(findings.count >= 6 && findings.allSatisfy { $0["level"] == "ok" || $0["level"] == "warning" })
        }

        @Test("servers that nobody reaches: exit 69 within 10 s", arguments: ["check", "setup", "dead-letters"])
        func unreachable(command: String) async throws {
            let port = try FreePort.next()
            let start = ContinuousClock.now
            let answer = try await RelayProcess.run(
                [command],
                environment: [
                    "MONGODB_URI": "mongodb://127.0.0.1:\(port)/shop",
                    "DESTINATION_URL": "postgres://nobody:secret-word@127.0.0.1:\(port)/events",
                ])
            #expect(answer.exitCode == 69, "\(answer.output)\(answer.error)")
            #expect(start.duration(to: .now) < .seconds(10))
            #expect(!(answer.output + answer.error).isEmpty)
            #expect(!(answer.output + answer.error).contains("secret-word"))
        }

        @Test("a standalone mongod: what to do, and exit 1")
        func standalone() async throws {
            var options = MongoOptions()
            options.isStandalone = true
            try await TestServers.with(mongo: options) { servers in
                let answer = try await RelayProcess.run(["check"], environment: servers.relayEnvironment())
                #expect(answer.exitCode == 1)
                #expect(answer.output.contains("--replSet rs0"), "\(answer.output)")
                #expect(answer.output.contains("SOURCE_CAPTURE=poll"))
                let relay = try RelayProcess(folder: servers.folder, environment: servers.relayEnvironment())
                try await relay.start()
                try await relay.waitUntil("saying why") { $0.why?.contains("replica set") == true }
                #expect(relay.isRunning)
            }
        }

        @Test("missing privileges are named")
        func privileges() async throws {
            var options = MongoOptions()
            options.login = .init(name: "root", password: "rootword")
            try await TestServers.with(mongo: options) { servers in
                try await servers.mongo.run(
                    ["createUser": "poor", "pwd": "poorword", "roles": [["role": "read", "db": "elsewhere"]]],
                    on: "admin")
                try await servers.postgres.query("CREATE ROLE poor LOGIN")
                let answer = try await RelayProcess.run(
                    ["check"],
                    environment: [
                        "MONGODB_URI": servers.mongo.uri().replacing("root:rootword", with: "poor:poorword"),
                        "DESTINATION_URL": servers.postgres.url(user: "poor"),
                    ])
                #expect(answer.exitCode == 1, "\(answer.output)")
                #expect(answer.output.contains("read on database shop"), "\(answer.output)")
                #expect(answer.output.contains("GRANT CREATE ON DATABASE \"postgres\" TO \"poor\""), "\(answer.output)")
                #expect(!answer.output.contains("poorword"))
                let wrong = try await RelayProcess.run(
                    ["check"],
                    environment: servers.relayEnvironment().merging([
                        "MONGODB_URI": servers.mongo.uri().replacing("rootword", with: "wrongword")
                    ]) { $1 })
                #expect(wrong.exitCode == 1 && wrong.output.contains("refuses the login"), "\(wrong.output)")
            }
        }

        @Test("setup twice; its printed SQL runs in psql")
        func setup() async throws {
            let rig = try await Rig()
            for _ in 1...2 { #expect(try await rig.command(["setup"]).exitCode == 0) }
            let other = try await Rig()
            let printed = try await other.command(["setup", "--print"])
            #expect(printed.exitCode == 0)
            #expect(try await other.value("SELECT to_regnamespace('outbox_relay')") == nil, "nothing was executed")
            let sql = try #require(printed.output.range(of: "-- in psql"))
            let file = other.servers.folder.path("setup-\(other.database).sql")
            try String(printed.output[sql.lowerBound...]).write(toFile: file, atomically: true, encoding: .utf8)
            for _ in 1...2 {
                let psql = try await Command.run(
                    "\(ServerPrograms.postgres())/psql", ["-v", "ON_ERROR_STOP=1", "-q", "-d", other.url, "-f", file])
                #expect(psql.exitCode == 0, "\(psql.error.suffix(500))")
            }
            _ = try await other.streamingRelay(["DESTINATION_AUTO_SETUP": "false"])
            try await other.insert([outboxDocument(1, payload: 1)])
            try await other.waitForRows(1)
        }

        @Test("DESTINATION_AUTO_SETUP=false without a schema: waits, says what to do, and goes on after setup")
        func noAutoSetup() async throws {
            let rig = try await Rig()
            let relay = try rig.relay(["DESTINATION_AUTO_SETUP": "false"])
            try await relay.start()
            try await relay.waitUntil("saying why") { $0.why?.contains("outbox-relay setup") == true }
            #expect(try await rig.value("SELECT to_regnamespace('outbox_relay')") == nil)
            #expect(try await rig.command(["setup"]).exitCode == 0)
            try await relay.waitUntilStreaming()
        }

        @Test("config shows what is in force, without secrets")
        func config() async throws {
            let answer = try await RelayProcess.run(
                ["config"],
                environment: [
                    "MONGODB_URI": "mongodb://u:hush1@127.0.0.1/shop?replicaSet=rs0",
                    "DESTINATION_URL": "postgres://u:hush2@127.0.0.1/events?password=hush3",
                ])
            #expect(answer.exitCode == 0)
            #expect(!answer.output.contains("hush") && answer.output.contains("***"))
            #expect(answer.output.contains("RELAY_LEASE_TTL") && answer.output.contains("[default]"))
        }

        @Test(
            "a wrong configuration: exit 78 with every problem, for every command",
            arguments: ["run", "check", "health"])
        func wrong(command: String) async throws {
            let answer = try await RelayProcess.run(
                [command],
                environment: [
                    "MONGODB_URI": "mongo://x", "DESTINATION_URL": "postgres://pg/events", "RELAY_LEASE_TTL": "soon",
                    "SOURCE_BACKLOGG": "skip", "SOURCE_KIND": "table", "RELAY_BATCH_EVENTS": "0",
                ])
            #expect(answer.exitCode == 78)
            for name in ["MONGODB_URI", "RELAY_LEASE_TTL", "SOURCE_BACKLOGG", "SOURCE_KIND", "RELAY_BATCH_EVENTS"] {
                #expect(answer.error.contains(name), "\(name) in \(answer.error)")
            }
        }

        @Test("a word that is no command is told with the commands there are")
        func unknownCommand() async throws {
            let answer = try await RelayProcess.run(["statsu"], environment: [:])
            #expect(answer.exitCode == 64)
            #expect(answer.error.contains("no command \"statsu\"") && answer.error.contains("dead-letters"))
        }

        @Test(
            "what is not built yet is refused",
            arguments: [
                ("SOURCE_CAPTURE", "poll"), ("DESTINATION_QUEUE", "pgmq"), ("DESTINATION_PARTITIONS", "4"),
            ])
        func unbuilt(name: String, value: String) async throws {
            let answer = try await RelayProcess.run(
                ["config"],
                environment: [
                    "MONGODB_URI": "mongodb://127.0.0.1/shop?replicaSet=rs0",
                    "DESTINATION_URL": "postgres://127.0.0.1/events",
                ].merging([name: value]) { $1 })
            #expect(answer.exitCode == 78)
            #expect(answer.error.contains(name) && answer.error.contains("cannot do yet"), "\(answer.error)")
        }
    }
}
