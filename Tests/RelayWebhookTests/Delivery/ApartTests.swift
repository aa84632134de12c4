import RelayCore
import RelayTesting
import Testing

@testable import RelayWebhook

/// What is delivered outside of the order of its key: delayed events, and what requests ask for.
@Suite("Delivery apart from the order") struct ApartTests {
    private let now = Moment.now

    private func machine() -> DeliveryMachine {
        let state = StoredState(stream: 0, position: 10, revision: 0, checkpoint: nil, paused: nil)
        return DeliveryMachine(limits: .init(), after: state, totals: ParkedTotals(), alreadySettled: [])
    }

    private func batch(_ samples: [SampleEvent], delayed: [Int: Int64] = [:]) -> EventBatch {
        let batch = EventBatch(end: Checkpoint())
        for (index, sample) in samples.enumerated() {
            var record = sample.record(in: batch)
            if let due = delayed[index] {
                record.deliverAfter = due
                record.outcome = .delayed
            }
            batch.append(record)
        }
        return batch
    }

    @Test("a delayed event is parked until it is due, and its key's followers are tried at once")
    func delayed() throws {
        var machine = machine()
        let due = now.unix + 60_000
        let batch = batch([SampleEvent("a"), SampleEvent("b")], delayed: [0: due])
        _ = machine.beginLook(batch)
        machine.admit(batch, parked: [], now: now)
        let chosen = machine.choose(now: now)
        let assignment = try #require(chosen)
        #expect(assignment.events.map { $0.text(\.id) } == ["b"] && assignment.events[0].position == 12)
        let another = machine.choose(now: now)
        #expect(another?.keys == nil)
        // It counts as settled in the settlement that stores it.
        let taken = machine.takeSettlement(now: now)
        let settlement = try #require(taken)
        #expect(settlement.parked.map { $0.event.text(\.id) } == ["a"])
        #expect(settlement.parked.first?.redelivery == "delayed" && settlement.parked.first?.event.position == 11)
        let key = try #require(settlement.parked.first?.key)
        #expect(key != SampleEvent("a").eventKey, "a key of its own")
        #expect(
            settlement.keys[key]
                == ParkedSchedule(due: due, attempts: 0, firstAttempt: nil, stoppedBefore: 0, since: due))
        #expect(settlement.checkpoint == nil, "the other one is not settled yet")
        machine.wrote(now: now)
        machine.finish(assignment, AttemptResult(.delivered, .delivered), now: now)
        let last = machine.takeSettlement(now: now)
        #expect(last?.checkpoint?.position == 12)
    }

    @Test("read again after a crash, a delayed event that is parked already is not parked again")
    func again() throws {
        let state = StoredState(stream: 0, position: 10, revision: 0, checkpoint: nil, paused: nil)
        var machine = DeliveryMachine(
            limits: .init(), after: state, totals: ParkedTotals(keys: 1, events: 1), alreadySettled: ["a"])
        let batch = batch([SampleEvent("a")], delayed: [0: now.unix + 60_000])
        _ = machine.beginLook(batch)
        machine.admit(batch, parked: [], now: now)
        let taken = machine.takeSettlement(now: now)
        let settlement = try #require(taken)
        #expect(settlement.parked.isEmpty && settlement.checkpoint?.position == 11)
    }

    @Test("an errand's events are parked with its progress, each by itself, and never count as settled beforehand")
    func errand() throws {
        var machine = machine()
        let request = RelayRequest(id: 7, kind: .replay(.ids(["a", "b"])))
        var progress = ErrandProgress()
        progress.delivered = 5
        let events = ["a", "b", "a"].map { SampleEvent($0).reference(at: -7) }
        machine.park(events, for: Errand(request: request, redelivery: "replay", progress: progress), now: now)
        let taken = machine.takeSettlement(now: now)
        let settlement = try #require(taken)
        #expect(settlement.parked.map { $0.event.text(\.id) } == ["a", "b"], "the same event twice is one")
        #expect(settlement.parked.allSatisfy { $0.redelivery == "replay" && $0.event.position < 0 })
        #expect(Set(settlement.parked.map(\.key)).count == 2 && settlement.keys.count == 2)
        #expect(ErrandProgress(text: settlement.progress[7] ?? "")?.delivered == 8)
        #expect(settlement.checkpoint == nil)
        machine.wrote(now: now)
        #expect(machine.dueRoom(now: now) > 0, "they are due at once")
    }
}
