import Testing

@testable import RelayCore

@Suite("Audit rule") struct AuditRuleTests {
    private let queue = AuditRule(keepsRecords: true, keptSince: 1000_000, slack: 60_000)
    private let webhook = AuditRule(keepsRecords: false, slack: 60_000)

    private func reach(_ seconds: UInt32?, backlog: Bool = false) -> PipelineReach {
        var checkpoint = Checkpoint()
        checkpoint.clusterTime = seconds.map { ClusterTime(seconds: $0, increment: 1) }
        if backlog { checkpoint.backlog = BacklogPosition(snapshot: ClusterTime(seconds: 1, increment: 1)) }
        return PipelineReach(checkpoint: seconds == nil ? nil : checkpoint, isLed: true)
    }

    private func event(
        _ id: String? = "1", isEvent: Bool = true, passes: Bool = true, isMarked: Bool = false, time: Int64? = 2000_000
    ) -> AuditRule.Event {
        AuditRule.Event(id: id, isEvent: isEvent, passes: passes, isMarked: isMarked, time: time)
    }

    private func verdict(
        _ rule: AuditRule, _ event: AuditRule.Event, _ fate: EventFate? = nil, at reach: PipelineReach,
        seen: UInt32? = 3000
    ) -> AuditRule.Verdict {
        rule.verdict(
            on: event, fate: fate, reach: reach, committedBy: seen.map { ClusterTime(seconds: $0, increment: 1) })
    }

    @Test("a record decides, whatever else is known")
    func records() {
        for (fate, expected) in [
            (EventFate.delivered, AuditRule.Verdict.delivered), (.parked, .parked), (.deadLettered, .deadLettered),
            (.discarded, .discarded),
        ] {
            #expect(verdict(queue, event(passes: false), fate, at: reach(nil)) == expected)
            #expect(verdict(webhook, event(), fate, at: reach(9000)) == expected)
        }
    }

    @Test("without a record, what the checkpoint has passed is lost to a queue and not provable of a webhook")
    func passed() {
        #expect(verdict(queue, event(), at: reach(3001)) == .lost)
        #expect(verdict(webhook, event(), at: reach(3001)) == .unprovable)
        #expect(verdict(webhook, event(isMarked: true), at: reach(3001)) == .delivered)
        #expect(verdict(queue, event(nil), at: reach(3001)) == .unprovable, "nothing to look for")
        // A mark follows from the checkpoint: it does not make up for a row that has to be there.
        #expect(verdict(queue, event(isMarked: true), at: reach(3001)) == .lost)
        #expect(verdict(queue, event(isMarked: true, time: 999_999), at: reach(3001)) == .delivered, "dropped since")
        #expect(verdict(queue, event(isMarked: true, time: nil), at: reach(3001)) == .delivered)
        // The same second is not behind it.
        #expect(verdict(queue, event(time: nil), at: reach(3000)) == .inFlight)
        // Made long before the checkpoint, it was committed before, whenever it was seen.
        #expect(verdict(queue, event(time: 2000_000), at: reach(2061)) == .lost)
        #expect(verdict(queue, event(time: 2000_000), at: reach(2060)) == .inFlight)
    }

    @Test("what is not reached yet is in flight")
    func inFlight() {
        #expect(verdict(queue, event(), at: reach(nil)) == .inFlight, "no checkpoint yet")
        #expect(verdict(queue, event(), at: reach(9000, backlog: true)) == .inFlight)
        #expect(verdict(queue, event(time: nil), at: reach(9000), seen: nil) == .inFlight)
    }

    @Test("a filter, a skipped backlog and retention explain what is not there")
    func explained() {
        #expect(verdict(queue, event(passes: false), at: reach(9000)) == .filtered)
        // Poison is dead-lettered before any filter.
        #expect(verdict(queue, event(isEvent: false, passes: false), at: reach(9000)) == .lost)
        #expect(verdict(queue, event(time: 999_999), at: reach(9000)) == .unprovable, "dropped, perhaps")
        #expect(verdict(queue, event(time: nil), at: reach(9000)) == .unprovable)
        var skipping = queue
        skipping.skippedBefore = 1500_000
        #expect(verdict(skipping, event(time: 1499_000), at: reach(9000)) == .skipped)
        #expect(verdict(skipping, event(time: 1500_000), at: reach(9000)) == .lost)
    }

    @Test("of several records the first in the order counts")
    func deciding() {
        let order: [EventFate] = [.parked, .deadLettered, .delivered, .discarded]
        #expect(EventFate.deciding(.delivered, nil, in: order) == .delivered)
        #expect(EventFate.deciding(.delivered, .deadLettered, in: order) == .deadLettered)
        #expect(EventFate.deciding(.parked, .deadLettered, in: order) == .parked)
        #expect(EventFate.deciding(.discarded, .discarded, in: order) == .discarded)
    }
}
