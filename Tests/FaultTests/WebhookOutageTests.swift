import RelayMongoDB
import RelayTesting
import Synchronization
import Testing

extension Faults {
    @Suite("Webhooks while MongoDB or the receiver fails", .serialized)
    struct WebhookOutageTests {
        @Test("a primary that steps down, and one that is killed: nothing lost, in order")
        func elections() async throws {
            try await WebhookLoad.with(mongo: MongoOptions(members: 3), events: 4000, rate: 200) { load in
                load.receiver.behave(.some(Lottery(0.02, seed: 8), .status(500)))
                let relay = try load.relay()
                try await relay.start()
                let moments = Moments()
                let mongo = load.servers.mongo
                let (report, _) = try await load.run(within: .seconds(90)) {
                    try await load.progress(by: 50)
                    await moments.add()
                    try await mongo.stepDown()
                    try await load.progress(by: 100, within: .seconds(60))
                    await moments.add()
                    let killed = try await mongo.killPrimary()
                    try await load.progress(by: 100, within: .seconds(60))
                    try await killed.start()
                }
                #expect(report.isComplete, "\(report)")
                #expect(relay.isRunning)
                #expect(try await load.letters(relay).isEmpty)
                print("elections: \(report)")
            }
        }

        @Test("a frozen MongoDB: the lease runs out, nothing is lost, and it goes on by itself")
        func frozen() async throws {
            try await WebhookLoad.with(events: 3000, rate: 500) { load in
                let relay = try load.relay()
                try await relay.start()
                let (report, _) = try await load.run {
                    try await load.progress(by: 100)
                    let server = load.servers.mongo.members[0]
                    server.freeze()
                    defer { server.resume() }
                    // Past the lease: what it holds by then must not be delivered any more.
                    try await Task.sleep(for: .seconds(5))
                    let requests = load.receiver.requestCount
                    try await Task.sleep(for: .seconds(isSoak ? 30 : 3))
                    let later = load.receiver.requestCount
                    #expect(later == requests, "\(later - requests) requests without a lease")
                    let ready = try await relay.get("/readyz").status
                    let live = try await relay.get("/livez").status
                    #expect(ready == 200 && live == 200, "an outage makes nobody unready")
                    server.resume()
                    try await load.progress(within: .seconds(40))
                }
                #expect(report.isComplete, "\(report)")
                #expect(relay.isRunning)
                print("a frozen MongoDB: \(report)")
            }
        }

        @Test("connections to the state closed by the server, again and again")
        func connectionsClosed() async throws {
            try await WebhookLoad.with(events: 5000, rate: 500) { load in
                load.receiver.behave(.some(Lottery(0.05, seed: 9), .status(500)))
                let relay = try load.relay()
                try await relay.start()
                let (report, _) = try await load.run {
                    try await load.progress()
                    for _ in 1...8 {
                        try await load.servers.mongo.failCommands(
                            ["commitTransaction", "update", "insert", "findAndModify"], times: Int.random(in: 1...3),
                            closesConnection: true, namespace: "\(load.database).outbox_relay_checkpoints")
                        try await load.progress(by: 100)
                    }
                    try await load.servers.mongo.healCommands()
                }
                #expect(report.isComplete, "\(report)")
                // A write that was cut off is looked up, not repeated blindly; and it was cut off.
                let errors = try await relay.get("/metrics").body.split(separator: "\n")
                    .filter { $0.hasPrefix("outbox_relay_errors_total{") }
                    .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
                #expect(errors >= 4, "\(errors) failures were noticed")
                print("connections to the state closed: \(report)")
            }
        }

        @Test("the receiver goes away and comes back, again and again: nothing lost, in order, next to nothing parked")
        func receiverDown() async throws {
            try await WebhookLoad.with(events: 6000, rate: 500) { load in
                let relay = try load.relay()
                try await relay.start()
                let (report, _) = try await load.run {
                    for _ in 1...3 {
                        try await load.progress(by: 100)
                        await load.receiver.down()
                        try await relay.waitUntil("its breaker open", within: .seconds(20)) { $0.breaker == "open" }
                        let parked = try await relay.status().pipelines[0].parked ?? 0
                        #expect(parked < 60, "\(parked) events were parked")
                        try await load.receiver.up()
                    }
                }
                // A connection that is closed with a request in it may have been accepted already.
                #expect(report.isComplete && report.repeats <= 3 * 32, "\(report)")
                #expect(try await load.letters(relay).isEmpty)
                print("a receiver that goes and comes: \(report)")
            }
        }
    }
}

/// Which sender's requests came when.
final class Senders: Sendable {
    private let times = Mutex<[String: [ContinuousClock.Instant]]>([:])

    func note(_ name: String, at time: ContinuousClock.Instant) {
        times.withLock { $0[name, default: []].append(time) }
    }

    func count(of name: String, since time: ContinuousClock.Instant) -> Int {
        times.withLock { $0[name, default: []].count { $0 >= time } }
    }
}
