import RelayMongoDB
import RelayTesting
import Testing

extension Faults {
    @Suite("MongoDB fails under load", .serialized)
    struct MongoTests {
        @Test("a primary that steps down, twice, and one that is killed")
        func elections() async throws {
            try await TestServers.with(mongo: MongoOptions(members: 3)) { servers in
                let load = try await Load(servers, events: 6000, rate: 250)
                let relay = try load.relay()
                try await relay.start()
                let report = try await load.run(within: .seconds(90)) {
                    for _ in 1...2 {
                        try await load.progress(by: 50)
                        try await servers.mongo.stepDown()
                        try await load.progress(by: 50, within: .seconds(60))
                    }
                    let killed = try await servers.mongo.killPrimary()
                    try await load.progress(by: 50, within: .seconds(60))
                    try await killed.start()
                }
                #expect(report.isExact, "\(report)")
                #expect(relay.isRunning)
            }
        }

        @Test("connections closed by the server, again and again")
        func connectionsClosed() async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: 8000, rate: 400)
                let relay = try load.relay()
                try await relay.start()
                let report = try await load.run {
                    try await load.progress()
                    for _ in 1...8 {
                        try await servers.mongo.failCommands(
                            ["getMore", "aggregate"], times: Int.random(in: 1...3), closesConnection: true,
                            namespace: "\(load.database).outbox")
                        try await load.progress(by: 20)
                    }
                    try await servers.mongo.healCommands()
                }
                #expect(report.isExact, "\(report)")
                let restarts = try await relay.status().pipelines[0].restarts
                #expect(restarts >= 8, "the connections were closed")
            }
        }

        @Test("a refused resume token: it goes on by cluster time", arguments: [280, 260])
        func tokenRefused(code: Int) async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: 3000, rate: 500)
                let relay = try load.relay(["RELAY_LEASE_TTL": "1s"])
                try await relay.start()
                let report = try await load.run {
                    for _ in 1...3 {
                        try await load.progress()
                        await relay.kill()
                        try await servers.mongo.failCommands(
                            ["aggregate"], times: 1, errorCode: code, namespace: "\(load.database).outbox")
                        try await relay.start()
                        try await load.progress()
                    }
                }
                #expect(report.isExact, "\(report)")
                let notes = relay.logText.components(separatedBy: "the resume token was refused").count - 1
                #expect(notes == 3)
            }
        }

        @Test("a lost history halts the pipeline, which says so and goes on when it is told to")
        func historyLost() async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: 2000, rate: 500)
                let relay = try load.relay(["SOURCE_ON_HISTORY_LOST": "halt"])
                try await relay.start()
                let report = try await load.run {
                    try await load.progress()
                    try await servers.mongo.failCommands(
                        ["getMore"], times: 1, errorCode: 286, namespace: "\(load.database).outbox")
                    try await relay.waitUntil("halted") { $0.state == "halted" }
                    let pipeline = try await relay.status().pipelines[0]
                    #expect(pipeline.why?.contains("oplog no longer reaches back") == true, "\(pipeline.why ?? "")")
                    #expect(pipeline.role == "leader")
                    let ready = try await relay.get("/readyz").status
                    let live = try await relay.get("/livez").status
                    #expect([ready, live] == [200, 200])
                    let count = try await load.checker.count()
                    try await Task.sleep(for: .seconds(1))
                    let later = try await load.checker.count()
                    #expect(later == count, "a halted pipeline delivers nothing")
                    let resumed = try await relay.command(["resume"])
                    #expect(resumed.exitCode == 0, "\(resumed.error)")
                    try await load.progress()
                }
                #expect(report.isExact, "\(report)")
            }
        }

        @Test("a frozen server")
        func frozen() async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: 3000, rate: 500)
                let relay = try load.relay()
                try await relay.start()
                let report = try await load.run {
                    try await load.progress()
                    let server = servers.mongo.members[0]
                    server.freeze()
                    defer { server.resume() }
                    try await Task.sleep(for: .seconds(isSoak ? 60 : 15))
                    let ready = try await relay.get("/readyz").status
                    let live = try await relay.get("/livez").status
                    #expect([ready, live] == [200, 200], "an outage makes nobody unready")
                    server.resume()
                    try await load.progress(within: .seconds(40))
                }
                #expect(report.isExact, "\(report)")
                #expect(relay.isRunning)
            }
        }
    }
}
