import RelayCore
import RelayTesting
import Testing

@testable import RelayWebhook

/// Parked events that cannot be read hold up their key and no other.
@Suite("Damaged parked events", .timeLimit(.minutes(1)))
struct DamagedParkTests {
    let seed = ConformanceRandom().seed

    /// A rig with three events of each of five keys parked, that of "a" due first.
    private func parked() async throws -> DeliveryRig {
        let events = (0..<15).map { (id: "e\($0)", key: ["a", "b", "c", "d", "e"][$0 % 5]) }
        let receiver = ScriptedReceiver(ScriptedReceiver.Script(broken: Set(events[..<5].map(\.id))), seed: seed)
        let rig = DeliveryRig(events: events, receiver: receiver)
        _ = try await rig.run(for: .seconds(20), seed: seed) { _ in
            rig.store.contents.parked.count == 15 && rig.store.contents.keys.count == 5
        }
        rig.store.edit { model in
            for key in model.keys.keys { model.keys[key]!.due = key == Self.key("a") ? 1 : 2 }
        }
        receiver.behave { $0.broken = [] }
        return rig
    }

    private static func key(_ name: String) -> EventKey { Array(name.utf8).withUnsafeBytes { EventKey(of: $0) } }

    private func accepted(_ rig: DeliveryRig, but key: String) -> Int {
        rig.receiver.memory.withLock { $0.accepted.count { $0.key != key } }
    }

    @Test("an event that lacks a field waits with its key; the others are delivered, and it too when it is mended")
    func lacking() async throws {
        let rig = try await parked()
        let (id, whole) = try #require(
            rig.store.contents.parked.first { $0.value.event.text(\.id) == "e0" }.map { ($0.key, $0.value) })
        let batch = EventBatch(end: Checkpoint())
        var record = whole.event.record
        record.payload = .none
        // The batch's bytes lie where the record says: those of the copy begin at 0.
        whole.event.batch.arena[ByteRange(offset: 0, length: whole.event.batch.arena.count)].withMemoryRebound(
            to: UInt8.self
        ) { bytes in batch.arena.append(UnsafeRawBufferPointer(bytes)) }
        batch.append(record)
        let damaged = ParkedEvent(
            EventReference(batch, index: 0, position: whole.event.position), key: whole.key)
        #expect(damaged.id == id)
        rig.store.edit { $0.parked[id] = damaged }
        _ = try await rig.run(for: .seconds(5), seed: seed) { _ in accepted(rig, but: "a") == 12 }
        #expect(accepted(rig, but: "a") == 12)
        #expect(rig.receiver.memory.withLock { $0.accepted.count { $0.key == "a" } } == 0, "order holds")
        #expect(rig.store.contents.parked.count == 3 && rig.store.contents.letters.isEmpty)
        #expect(rig.status.snapshot.lastError?.contains("lacks a field") == true)
        rig.store.edit { model in
            model.parked[id] = whole
            model.keys[Self.key("a")]!.due = 1
        }
        _ = try await rig.run(for: .seconds(20), seed: seed)
        rig.check()
    }

    @Test("a key that cannot be read is put off for longer and longer, and the others are read meanwhile")
    func refused() async throws {
        let rig = try await parked()
        // The first to be read is "a", which is due first.
        rig.store.failNext(.refused, of: .parkedEvents)
        let began = Moment.now.unix
        _ = try await rig.run(for: .seconds(5), seed: seed) { _ in accepted(rig, but: "a") == 12 }
        #expect(accepted(rig, but: "a") == 12)
        let due = try #require(rig.store.contents.keys[Self.key("a")]?.due)
        #expect((began + 900...began + 3000).contains(due), "due \(due - began) ms later")
        _ = try await rig.run(for: .seconds(20), seed: seed)
        rig.check()
    }

    @Test("a store that is away puts no key off")
    func away() async throws {
        let rig = try await parked()
        rig.store.failNext(.lostBefore, .lostBefore, of: .parkedEvents)
        _ = try await rig.run(for: .seconds(20), seed: seed)
        rig.check()
    }
}
