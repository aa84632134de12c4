import RelayMongoDB
import RelayTesting
import Testing

extension Faults {
    @Suite("Thousands of broken keys", .serialized)
    struct WebhookParkTests {
        private static let broken = Lottery(0.3, seed: 30)

        @Test("they are parked in MongoDB and not in memory, others flow, and all come when they work again")
        func parked() async throws {
            let count = isSoak ? 200_000 : 12_000
            try await WebhookLoad.with(events: 1, rate: nil) { load in
                load.receiver.behave(.someEvents(Self.broken, .status(500)))
                let outbox = Outbox(uri: load.servers.mongo.uri(database: load.database), database: load.database)
                try await outbox.load(count: count)
                let committed = try await outbox.committed()
                let works = committed.filter { !Self.broken.draws($0.id) }
                let relay = try load.relay([
                    "DESTINATION_RETRY_FIRST": "1s", "DESTINATION_RETRY_MAX": isSoak ? "2m" : "10s",
                ])
                let start = ContinuousClock.now
                try await relay.start()
                try await load.receiver.waitForAccepted(works.count, within: .seconds(isSoak ? 300 : 90))
                let others = start.duration(to: .now)
                try await relay.waitUntil("parking the rest", within: .seconds(30)) {
                    $0.parkedKeys == committed.count - works.count && $0.state == "streaming"
                }
                // Known again after a crash, and in as little memory.
                let firstPeak = relay.peakResidentBytes ?? .max
                let killed = ContinuousClock.now
                await relay.kill()
                try await relay.start()
                try await relay.waitUntil("knowing what is parked", within: .seconds(30)) {
                    $0.parkedKeys == committed.count - works.count
                }
                let mended = ContinuousClock.now
                load.receiver.behave()
                try await load.receiver.waitForAccepted(committed.count, within: .seconds(isSoak ? 300 : 90))
                try await relay.waitUntil("parking nothing", within: .seconds(30)) { $0.parked == 0 }
                let took = mended.duration(to: .now)
                let peak = max(firstPeak, relay.peakResidentBytes ?? .max)
                let limit = (64 + 32) << 20
                #expect(peak < limit, "\(peak >> 20) MiB at the most")
                let report = load.receiver.check(committed)
                #expect(report.isComplete, "\(report)")
                let unexplained = load.unexplainedRepeats(report, by: [killed])
                #expect(unexplained.isEmpty, "\(unexplained.count) repeats without a crash")
                print(
                    "\(committed.count - works.count) parked keys: others delivered after \(others), they \(took) after "
                        + "they worked again, \(peak >> 20) MiB at the most; \(report)")
            }
        }
    }
}
