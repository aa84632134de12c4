import RelayCore
import RelayTesting
import Testing

@testable import RelayWebhook

/// Parking everything while an endpoint is away and the source's history runs short.
@Suite("Spooling", .timeLimit(.minutes(2)))
struct SpoolTests {
    let seed = ConformanceRandom().seed

    @Test(
        "it begins when a quarter of the history is left, or unknown for ten minutes, and only while the breaker is open"
    )
    func rule() {
        var rule = SpoolRule()
        func expect(_ wanted: Bool, share: Double?, isOpen: Bool = true, at time: Int64, _ why: Comment? = nil) {
            let decided = rule.decide(share: share, isOpen: isOpen, at: time)
            #expect(decided == wanted, why)
        }
        expect(false, share: 0.1, isOpen: false, at: 0)
        expect(false, share: 0.26, at: 1)
        expect(true, share: 0.24, at: 2)
        expect(true, share: 0.49, at: 3, "it goes on until there is room again")
        expect(false, share: 0.51, at: 4)
        expect(false, share: 0.3, at: 5)
        expect(false, share: nil, at: 600_000)
        expect(true, share: nil, at: 600_001)
        expect(false, share: nil, isOpen: false, at: 600_002)
        expect(false, share: nil, at: 1_200_001, "each outage has its own ten minutes")
    }

    private func rig(_ count: Int, keys: Int, down: Bool, spool: Int?) -> DeliveryRig {
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(isDown: down), seed: seed)
        return DeliveryRig(events: DeliveryRig.events(count, keys: keys, seed: seed), receiver: receiver) {
            $0.spoolBytes = spool
            $0.buffer = 64 << 10
        }
    }

    @Test("through an outage the checkpoint goes on, everything is parked, and follows in order", arguments: [40, 300])
    func outage(keys: Int) async throws {
        let rig = rig(1500, keys: keys, down: true, spool: 1 << 30)
        rig.status.update { $0.oplogShare = 0.9 }
        async let running = rig.run(seed: seed)
        try await Task.sleep(for: .seconds(2))
        #expect(rig.store.contents.parked.count < 100, "there is history enough")
        rig.status.update { $0.oplogShare = 0.2 }
        let (store, status) = (rig.store, rig.status)
        try await waiting(for: "everything to be parked", within: .seconds(30)) {
            store.contents.stored.checkpoint?.ordinal == 1500 ? true : nil
        }
        let contents = store.contents
        #expect(contents.parked.count == 1500 && contents.keys.count == Set(rig.events.map(\.key)).count)
        #expect(contents.parkedBytes == contents.parked.values.reduce(0) { $0 + Int64($1.event.byteCount) })
        try await waiting(for: "the status to say so", within: .seconds(10)) {
            status.snapshot.isSpooling && status.snapshot.breaker != .closed ? true : nil
        }
        rig.receiver.behave { $0.isDown = false }
        _ = try await running
        #expect(store.contents.parkedBytes == 0 && !status.snapshot.isSpooling)
        rig.check()
        #expect(rig.receiver.memory.withLock { $0.accepted.count } == 1500, "none twice")
    }

    @Test("what is full ends delivery and names itself, and goes on when the endpoint is back")
    func full() async throws {
        let rig = rig(4000, keys: 200, down: true, spool: 20_000)
        rig.status.update { $0.oplogShare = 0.1 }
        for _ in 0..<2 {
            // Also the second time, when it is full from the beginning: only after a probe.
            let error = await #expect(throws: RelayError.self) { _ = try await rig.run(for: .seconds(20), seed: seed) }
            #expect(error?.code == .spoolFull && error?.isRetriable == false, "\(String(describing: error))")
            #expect(error?.message.contains("DESTINATION_SPOOL_BYTES") == true)
            await rig.restart()
        }
        let parked = rig.store.contents.parkedBytes
        #expect(parked >= 20_000 && parked < 20_000 + (128 << 10), "\(parked) bytes are parked")
        rig.receiver.behave { $0.isDown = false }
        _ = try await rig.run(seed: seed)
        rig.check()
    }

    @Test("outages, failing stores and crashes: nothing is lost, and order holds", arguments: 0..<3)
    func everythingFails(_ number: Int) async throws {
        var random = ConformanceRandom()
        let seed = random.seed
        let rig = rig(1500, keys: [5, 60, 700][number], down: false, spool: 1 << 30)
        rig.store.setFaultRate(0.02, of: StoreCall.reads + [.settle], seed: seed)
        rig.status.update { $0.oplogShare = 0 }
        let receiver = rig.receiver
        let weather = Task {
            while !Task.isCancelled {
                receiver.behave { $0.isDown = Bool.random() }
                try await Task.sleep(for: .milliseconds(.random(in: 50...900)))
            }
        }
        for crash in 0..<5 {
            _ = try await rig.run(
                for: .milliseconds(Int.random(in: 300...1500, using: &random)), seed: seed + UInt64(crash))
            await rig.restart()
        }
        weather.cancel()
        _ = await weather.result
        receiver.behave { $0.isDown = false }
        await rig.store.heal()
        _ = try await rig.run(seed: seed)
        rig.check()
    }

    @Test("a source that keeps its events is not spooled")
    func others() async throws {
        let rig = rig(500, keys: 100, down: true, spool: nil)
        rig.status.update { $0.oplogShare = 0 }
        _ = try await rig.run(for: .seconds(2), seed: seed)
        #expect(rig.store.contents.parked.count < 100)
    }
}
