import RelayMongoDB
import RelayTesting
import Testing

extension Faults {
    @Suite("The relay killed and stopped", .serialized)
    struct ProcessTests {
        @Test("SIGKILL ten times at random moments: exactly once, in order")
        func killed() async throws {
            try await TestServers.with { servers in
                let load = try await Load(
                    servers, events: isSoak ? 100_000 : 8000, rate: isSoak ? nil : 500)
                // Small batches: more moments between which a kill may fall.
                let relay = try load.relay(["RELAY_BATCH_EVENTS": isSoak ? "500" : "50", "RELAY_LEASE_TTL": "1s"])
                try await relay.start()
                let report = try await load.run(within: .seconds(isSoak ? 300 : 60)) {
                    for kill in 1...10 {
                        try await load.progress()
                        try await Task.sleep(for: .milliseconds(Int.random(in: 0...(isSoak ? 4000 : 300))))
                        await relay.kill()
                        #expect(relay.exitStatus == .signal(9), "kill \(kill)")
                        try await relay.start()
                    }
                }
                #expect(report.isExact, "\(report)")
                print("SIGKILL ten times: \(report)")
            }
        }

        @Test("SIGTERM under load: exit 0 in time, and the next start goes on without a gap or a repeat")
        func terminated() async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: 4000, rate: 600)
                let relay = try load.relay(["RELAY_SHUTDOWN_TIMEOUT": "5s", "RELAY_LEASE_TTL": "30s"])
                try await relay.start()
                let report = try await load.run {
                    for _ in 1...3 {
                        try await load.progress()
                        try await Task.sleep(for: .milliseconds(Int.random(in: 0...300)))
                        let start = ContinuousClock.now
                        let status = await relay.terminate(within: .seconds(10))
                        #expect(status == .code(0))
                        #expect(start.duration(to: .now) < .seconds(5))
                        try await relay.start()
                        // The lease of 30 s was given back: nobody waits for it.
                        try await load.progress(within: .seconds(20))
                    }
                }
                #expect(report.isExact, "\(report)")
            }
        }

        @Test("SIGTERM while PostgreSQL is frozen: exit 0 within RELAY_SHUTDOWN_TIMEOUT all the same")
        func terminatedInAnOutage() async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: 1500, rate: 500)
                let relay = try load.relay(["RELAY_SHUTDOWN_TIMEOUT": "3s"])
                try await relay.start()
                let report = try await load.run {
                    try await load.progress()
                    servers.postgres.freeze()
                    defer { servers.postgres.resume() }
                    try await Task.sleep(for: .milliseconds(300))
                    let start = ContinuousClock.now
                    let status = await relay.terminate(within: .seconds(10))
                    #expect(status == .code(0))
                    #expect(start.duration(to: .now) < .milliseconds(3500))
                    servers.postgres.resume()
                    try await relay.start()
                }
                #expect(report.isExact, "\(report)")
            }
        }

        @Test("a large backlog is drained in bounded memory")
        func memory() async throws {
            try await TestServers.with { servers in
                let count = isSoak ? 500_000 : 100_000
                let load = try await Load(servers, events: 1, rate: nil)
                let outbox = Outbox(uri: servers.mongo.uri(database: load.database), database: load.database)
                try await outbox.load(count: count)
                let relay = try load.relay()
                let start = ContinuousClock.now
                try await relay.start()
                try await load.checker.waitForRows(count, within: .seconds(isSoak ? 300 : 90))
                let peak = try #require(relay.peakResidentBytes)
                let limit = (64 + 32) << 20
                #expect(peak < limit, "\(peak >> 20) MiB at the most")
                print(
                    "backlog of \(count): at most \(peak >> 20) MiB (allowed are \(limit >> 20)), "
                        + "\(start.duration(to: .now))")
            }
        }
    }
}
