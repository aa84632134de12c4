import RelayCore
import RelayTesting
import Testing

@testable import RelayWebhook

/// What the design promises of delivery, one promise a test.
@Suite("Delivery", .timeLimit(.minutes(2)))
struct DeliveryTests {
    let seed = ConformanceRandom().seed

    @Test("a broken event holds up its key and nothing else")
    func brokenEvent() async throws {
        let events = DeliveryRig.events(2000, keys: 50, seed: seed)
        let broken = events[20]
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(broken: [broken.id]), seed: seed)
        let rig = DeliveryRig(events: events, receiver: receiver) { $0.retryMax = .milliseconds(500) }
        let others = events.filter { $0.key != broken.key }.count
        _ = try await rig.run(for: .seconds(30), seed: seed) { _ in
            receiver.memory.withLock { $0.accepted.filter { $0.key != broken.key }.count } >= others
        }
        let before = events[..<20].filter { $0.key == broken.key }.count
        #expect(receiver.memory.withLock { $0.accepted.filter { $0.key == broken.key }.count } == before)
        receiver.behave { $0.broken = [] }
        _ = try await rig.run(seed: seed)
        rig.check()
        // Nothing was taken twice: the pass was ended in good order.
        #expect(receiver.memory.withLock { $0.accepted.count } == events.count)
    }

    @Test("a dead endpoint parks next to nothing, and all follows when it is back")
    func deadEndpoint() async throws {
        let events = DeliveryRig.events(1000, keys: 300, seed: seed)
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(isDown: true), seed: seed)
        let rig = DeliveryRig(events: events, receiver: receiver)
        let store = rig.store
        async let running = rig.run(seed: seed)
        try await Task.sleep(for: .seconds(3))
        #expect(rig.status.snapshot.breaker != .closed)
        #expect(store.contents.parked.count < 60)
        let attempts = receiver.memory.withLock { $0.attempts }
        #expect(attempts < 60, "\(attempts) attempts at a dead endpoint in 3 s")
        receiver.behave { $0.isDown = false }
        _ = try await running
        rig.check()
    }

    @Test("when everything is refused nothing becomes a dead letter")
    func refusing() async throws {
        let events = DeliveryRig.events(300, keys: 100, seed: seed)
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(refusesAll: true), seed: seed)
        let rig = DeliveryRig(events: events, receiver: receiver)
        async let running = rig.run(seed: seed)
        try await Task.sleep(for: .seconds(2))
        #expect([.refusing, .halfOpen].contains(rig.status.snapshot.breaker))
        #expect(rig.store.contents.letters.count <= 19)
        receiver.behave { $0.refusesAll = false }
        _ = try await running
        rig.check()
    }

    @Test("an event that is refused by itself becomes a dead letter at once")
    func refused() async throws {
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(refused: ["e0"]), seed: seed)
        let rig = DeliveryRig(events: [("e0", "a"), ("e1", "a")], receiver: receiver)
        _ = try await rig.run(for: .seconds(10), seed: seed)
        rig.check(givenUp: ["e0"])
        let letter = try #require(rig.store.contents.letters.values.first?.letter)
        #expect(letter.poison.reason == .rejected)
        #expect(letter.status == 422)
        #expect(letter.attempts == 1)
        #expect(letter.answer == Array("no".utf8))
        #expect(letter.firstAttempt != nil)
    }

    @Test("an event is given up when its time is over, and its followers go on")
    func exhausted() async throws {
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(broken: ["e0"]), seed: seed)
        let events = (0..<40).map { (id: "e\($0)", key: $0 % 4 == 0 ? "a" : "b\($0)") }
        let rig = DeliveryRig(events: events, receiver: receiver) { $0.retryFor = .seconds(2) }
        _ = try await rig.run(for: .seconds(20), seed: seed)
        rig.check(givenUp: ["e0"])
        let letter = try #require(rig.store.contents.letters.values.first?.letter)
        #expect(letter.poison.reason == .exhausted)
        #expect(letter.attempts > 1)
    }

    @Test("of a parked key nothing is left behind, however large its events are")
    func mixedSizes() async throws {
        let events = (0..<60).map { (id: "e\($0)", key: $0 < 40 ? "large" : "k\($0)") }
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(broken: ["e0"]), seed: seed)
        let rig = DeliveryRig(events: events, receiver: receiver)
        // Small ones and such as leave no room for another in what is read at once.
        rig.payload = { String(repeating: "x", count: $0 % 3 == 1 ? 300_000 : 10) }
        _ = try await rig.run(for: .seconds(20), seed: seed) { _ in rig.store.contents.parked.count >= 40 }
        receiver.behave { $0.broken = [] }
        _ = try await rig.run(for: .seconds(20), seed: seed)
        rig.check()
    }

    @Test("a receiver that asks to wait while everything is refused is probed again")
    func waitWhileRefusing() {
        var breaker = CircuitBreaker()
        for number in 0..<20 {
            let key = withUnsafeBytes(of: number) { EventKey(of: $0) }
            _ = breaker.refused(key, isProbe: false, reason: "400", at: 0)
        }
        breaker.beginProbe()
        #expect(breaker.answered(at: 1000) == .none)
        #expect(breaker.state == .refusing)
        #expect(breaker.permission(at: 60_000) == .probe)
    }

    @Test("time with the breaker open does not count, over passes and for an event that follows another")
    func stoppedTime() async throws {
        let events = DeliveryRig.events(60, keys: 30, seed: seed)
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(isDown: true), seed: seed)
        let rig = DeliveryRig(events: events, receiver: receiver) { $0.retryFor = .seconds(2) }
        // Three passes, the outage longer than RETRY_FOR in each.
        for _ in 0..<3 { _ = try await rig.run(for: .seconds(3), seed: seed) }
        receiver.behave { $0.isDown = false }
        _ = try await rig.run(for: .seconds(20), seed: seed)
        rig.check()
    }

    @Test("the rate is kept")
    func rate() async throws {
        let receiver = ScriptedReceiver(seed: seed)
        let rig = DeliveryRig(events: DeliveryRig.events(150, keys: 150, seed: seed), receiver: receiver) {
            $0.rate = 50
        }
        let began = ContinuousClock.now
        _ = try await rig.run(seed: seed)
        let seconds = began.duration(to: .now) / .seconds(1)
        #expect(seconds > 2.5, "150 attempts at 50 a second took \(seconds) s")
        #expect(seconds < 8)
    }

    @Test("a straggler does not hold up the checkpoint")
    func straggler() async throws {
        var events = DeliveryRig.events(400, keys: 400, seed: seed)
        events.insert(("e9999", "slow"), at: 0)
        let receiver = ScriptedReceiver(seed: seed)
        let slow = SlowSender(receiver, id: "e9999", time: .seconds(8))
        let rig = DeliveryRig(events: events, receiver: receiver, sender: slow)
        _ = try await rig.run(for: .seconds(10), seed: seed) { $0.position == Int64(events.count) }
        let contents = rig.store.contents
        #expect(contents.stored.position == Int64(events.count))
        #expect(contents.parked.count == 1)
        _ = try await rig.run(seed: seed)
        #expect(rig.store.contents.parked.isEmpty)
    }
}

/// Lets one event take long.
final class SlowSender: EventSender {
    private let receiver: ScriptedReceiver
    private let id: String
    private let time: Duration

    init(_ receiver: ScriptedReceiver, id: String, time: Duration) {
        self.receiver = receiver
        self.id = id
        self.time = time
    }

    func attempt(_ events: [EventReference], redelivery: String?) async -> AttemptResult {
        if events[0].text(\.id) == id { try? await Task.sleep(for: time) }
        return await receiver.attempt(events, redelivery: redelivery)
    }

    func cancelAll() { receiver.cancelAll() }
}
