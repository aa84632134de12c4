import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Faults {
    @Suite("A calendar that jumps", .serialized)
    struct ClockTests {
        @Test(
            "days forth and back: leases hold, what is parked comes when it is due, nothing is given up early or lost")
        func jumps() async throws {
            try await WebhookLoad.with(events: 3000, rate: 300) { load in
                let servers = load.servers
                let clock = try await WrongClock(in: servers.folder)
                let queue = servers.uniqueName("queue")
                try await servers.postgres.createDatabase(queue)
                let relay = try RelayProcess(
                    folder: servers.folder,
                    environment: [
                        "MONGODB_URI": servers.mongo.uri(database: load.database), "RELAY_LEASE_TTL": "2s",
                        "DESTINATIONS": "ledger,billing",
                        "DESTINATION_LEDGER_URL": servers.postgres.url(database: queue),
                        "DESTINATION_BILLING_URL": load.receiver.url,
                        "DESTINATION_BILLING_RETRY_FIRST": "50ms", "DESTINATION_BILLING_RETRY_MAX": "1s",
                        // A jump by a day must not count.
                        "DESTINATION_BILLING_RETRY_FOR": "10m",
                    ].merging(clock.environment) { $1 })
                let checker = QueueChecker(url: servers.postgres.url(database: queue))
                try await relay.start()
                load.receiver.behave(.someEvents(Lottery(0.01, seed: 4), .status(500)))
                let working = Task { try await load.workload.run() }
                defer { working.cancel() }
                try await load.progress(by: 100)
                let epochs = try await relay.status().pipelines.map(\.epoch)
                for days in [1, -2, 30, 0] {
                    try clock.jump(to: .seconds(86_400 * days))
                    let before = try await checker.count()
                    try await load.progress(by: 200)
                    try await waiting(for: "the queue to go on", within: .seconds(30)) {
                        try await checker.count() > before ? true : nil
                    }
                }
                #expect(try await relay.status().pipelines.map(\.epoch) == epochs, "the leases never changed hands")
                // Parked by a calendar that is ahead, delivered by one that is right.
                try clock.jump(to: .seconds(86_400))
                let parked = try await relay.status().pipelines.first { $0.destination == "billing" }?.parked
                try await Task.sleep(for: .seconds(2))
                try clock.jump(to: .zero)
                load.receiver.behave()
                let record = try await working.value
                #expect(parked ?? 0 > 0, "some keys were parked")
                try await load.receiver.waitForAccepted(record.committed.count, within: .seconds(60))
                let report = load.receiver.check(record.committed, aborted: record.aborted)
                // Its timestamps are as wrong as its calendar, so that nothing is signed here.
                let lost = (report.missing.count, report.unknown.count, report.orderViolations.count)
                #expect(lost == (0, 0, 0), "\(report)")
                try await checker.waitForRows(record.committed.count, within: .seconds(30))
                let rows = try await checker.check(record.committed, aborted: record.aborted)
                #expect(rows.isExact, "\(rows)")
                #expect(try await relay.status().pipelines.allSatisfy { $0.deadLetters == 0 })
                await relay.terminate()
            }
        }

        @Test("delayed events are due by the server's calendar, whatever the relay's says")
        func delayed() async throws {
            try await TestServers.with { servers in
                let clock = try await WrongClock(in: servers.folder)
                try clock.jump(to: .seconds(-5 * 86_400))
                let name = servers.uniqueName("delayed")
                try await servers.postgres.createDatabase(name)
                let relay = try RelayProcess(
                    folder: servers.folder,
                    environment: servers.relayEnvironment(database: name, queue: name)
                        .merging(clock.environment) { $1 })
                try await relay.start()
                try await relay.waitUntilStreaming()
                let due = Int64(Date().timeIntervalSince1970 * 1000) + 2000
                let documents: [BSONValue] = (0..<2).map {
                    [
                        "_id": .integer($0), "aggregateid": "k", "type": "Noted", "payload": ["n": .integer($0)],
                        "deliverAfter": .date($0 == 0 ? due : due + 86_400_000),
                    ]
                }
                _ = try await servers.mongo.run(["insert": "outbox", "documents": .array(documents)], on: name)
                let checker = QueueChecker(url: servers.postgres.url(database: name))
                try await checker.waitForRows(1, within: .seconds(15))
                let late = Int64(Date().timeIntervalSince1970 * 1000) - due
                #expect((0...8000).contains(late), "\(late) ms late")
                // Ahead of everything, too.
                try clock.jump(to: .seconds(30 * 86_400))
                try await Task.sleep(for: .seconds(1))
                #expect(try await checker.count() == 1, "tomorrow's is not due")
                await relay.terminate()
            }
        }
    }
}
