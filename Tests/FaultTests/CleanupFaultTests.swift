import RelayMongoDB
import RelayTesting
import Testing

extension Faults {
    @Suite("Cleaning up under faults", .serialized)
    struct CleanupFaultTests {
        @Test("two relays that clean, each killed at random moments: nothing is lost, and all is cleaned up in the end")
        func killed() async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: isSoak ? 60_000 : 6000, rate: isSoak ? nil : 400)
                let relays = try (0..<2).map { _ in
                    try load.relay(["SOURCE_CLEANUP": "delete", "RELAY_LEASE_TTL": "1s", "RELAY_BATCH_EVENTS": "100"])
                }
                for relay in relays { try await relay.start() }
                let working = Task { try await load.workload.run() }
                defer { working.cancel() }
                for kill in 1...8 {
                    try await load.progress()
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...600)))
                    let relay = relays[kill % 2]
                    // Since its last start it has not ended by itself.
                    #expect(relay.isRunning, "it ended with \(String(describing: relay.exitStatus)):\n\(relay.logTail)")
                    await relay.kill()
                    try await relay.start()
                }
                let record = try await working.value
                try await load.checker.waitForRows(record.committed.count, within: .seconds(60))
                let report = try await load.checker.check(record.committed, aborted: record.aborted)
                #expect(report.isExact, "\(report)")
                let outbox = Outbox(uri: servers.mongo.uri(database: load.database), database: load.database)
                try await waiting(for: "an empty outbox", within: .seconds(60)) {
                    try await outbox.committed().isEmpty ? true : nil
                }
                // Named here, they live until here: an array that is used no more may be gone, and with it its processes.
                for relay in relays { #expect(await relay.terminate() == .code(0)) }
                print("cleaners killed eight times, \(record.committed.count) events committed")
            }
        }
    }
}
