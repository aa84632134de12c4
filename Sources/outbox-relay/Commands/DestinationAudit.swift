import Foundation
import RelayConfiguration
import RelayCore
import RelayMongoDB

/// Compares the outbox with the records of one destination.
struct DestinationAudit: Sendable {
    private let parts: any DestinationParts
    private let source: OutboxAudit
    private let settings: RelaySettings
    private let filter: EventFilter

    /// An event that the checkpoint had not passed when it was looked at.
    private struct Undecided {
        var event: AuditRule.Event
        var committedBy: ClusterTime?
    }

    /// Of more than this, the rest is reported as in flight.
    private static let mostUndecided = 100_000
    /// How long an idle relay may take to save its position.
    private static let patience = Duration.seconds(30)

    init(_ parts: any DestinationParts, source: OutboxAudit, settings: RelaySettings) {
        self.parts = parts
        self.source = source
        self.settings = settings
        filter = EventFilter(topics: parts.settings.topics, types: parts.settings.types)
    }

    /// Looks at everything that occurred from `since` on (Unix milliseconds).
    func run(since: Int64?) async throws -> AuditReport {
        var report = AuditReport(parts.destination)
        let rule = try await rule()
        var undecided: [Undecided] = []
        var cursor: String?
        repeat {
            let page = try await source.page(behind: cursor, since: since)
            let events = page.events.map(event)
            let reach = try await parts.administration.reach()
            let fates = try await parts.administration.fates(of: events.compactMap(\.id))
            for event in events {
                report.events += 1
                let verdict = rule.verdict(
                    on: event, fate: event.id.flatMap { fates[$0] }, reach: reach, committedBy: page.time)
                if verdict == .inFlight || verdict == .lost, undecided.count < Self.mostUndecided {
                    undecided.append(Undecided(event: event, committedBy: page.time))
                } else {
                    report.note(verdict, event.id)
                }
            }
            cursor = page.next
        } while cursor != nil
        try await decide(undecided, by: rule, &report)
        return report
    }

    private func rule() async throws -> AuditRule {
        let isQueue = parts.settings.kind == .postgresql
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        return AuditRule(
            keepsRecords: isQueue,
            keptSince: isQueue ? now - Int64(parts.settings.retention / .milliseconds(1)) : nil,
            skippedBefore: settings.source.backlog == .skip ? try await source.firstStart() : nil,
            slack: Int64(settings.source.rescanSlack / .milliseconds(1)))
    }

    private func event(_ found: OutboxAudit.Event) -> AuditRule.Event {
        var (topic, type) = (found.topic, found.type)
        let passes = topic.withUTF8 { topic in
            type.withUTF8 { filter.passes(topic: UnsafeRawBufferPointer(topic), type: UnsafeRawBufferPointer($0)) }
        }
        return AuditRule.Event(
            id: found.id, isEvent: found.isEvent, passes: passes, isMarked: found.isMarked, time: found.time)
    }

    /// Looks once more at what was not settled, when the checkpoint has passed it or will not within reasonable time.
    private func decide(_ undecided: [Undecided], by rule: AuditRule, _ report: inout AuditReport) async throws {
        guard let last = undecided.compactMap(\.committedBy).max() else {
            for one in undecided { report.note(.inFlight, one.event.id) }
            return
        }
        let end = ContinuousClock.now + Self.patience
        var reach = try await parts.administration.reach()
        while reach.isLed, ContinuousClock.now < end,
            reach.isInBacklog || (reach.clusterTime.map { $0 <= last } ?? true)
        {
            try await Task.sleep(for: .milliseconds(500))
            reach = try await parts.administration.reach()
        }
        for start in stride(from: 0, to: undecided.count, by: 1000) {
            let some = undecided[start..<min(start + 1000, undecided.count)]
            let fates = try await parts.administration.fates(of: some.compactMap(\.event.id))
            for one in some {
                let verdict = rule.verdict(
                    on: one.event, fate: one.event.id.flatMap { fates[$0] }, reach: reach, committedBy: one.committedBy)
                report.note(verdict, one.event.id)
            }
        }
    }
}
