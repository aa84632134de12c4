import RelayCore
import RelayTesting
import Testing

@testable import RelayWebhook

/// Delivery under random failures of receiver and store, and of the process itself.
@Suite("Delivery at random", .timeLimit(.minutes(5)))
struct DeliveryRandomTests {
    @Test("nothing is lost and order holds while receiver, store and process fail", arguments: 0..<6)
    func everythingFails(_ number: Int) async throws {
        var random = ConformanceRandom()
        let seed = random.seed
        let count = 1500
        let keys = [3, 20, 400][number % 3]
        let events = DeliveryRig.events(count, keys: keys, seed: seed)
        let refused = Set(events.filter { _ in Int.random(in: 0..<100, using: &random) == 0 }.map(\.id))
        let receiver = ScriptedReceiver(
            ScriptedReceiver.Script(failing: 0.1, slow: 0.01, refused: refused), seed: seed)
        let rig = DeliveryRig(events: events, receiver: receiver) { options in
            options.concurrency = [1, 8, 32][number % 3]
            options.buffer = number < 3 ? 16 << 20 : 16 << 10
            if number % 2 == 1 { options.format = .cloudeventsBatch }
        }
        rig.store.setFaultRate(0.02, of: StoreCall.reads + [.settle], seed: seed)
        rig.store.setLatency(.zero ... .milliseconds(3))
        // Crashes: each leaves behind whatever was in memory.
        for crash in 0..<5 {
            _ = try await rig.run(
                for: .milliseconds(Int.random(in: 100...600, using: &random)), seed: seed + UInt64(crash))
            await rig.restart()
        }
        await rig.store.heal()
        _ = try await rig.run(seed: seed)
        rig.check(givenUp: refused)
    }

    @Test("without order by key events wait for nothing")
    func unordered() async throws {
        let seed = ConformanceRandom().seed
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(failing: 0.2), seed: seed)
        let rig = DeliveryRig(events: DeliveryRig.events(500, keys: 1, seed: seed), receiver: receiver) {
            $0.ordersByKey = false
        }
        _ = try await rig.run(seed: seed)
        let memory = receiver.memory.withLock { $0 }
        #expect(Set(memory.accepted.map(\.id)).count == 500)
        // One after another they would take far longer than the receiver's own time.
        #expect(!memory.overlaps.isEmpty)
    }
}
