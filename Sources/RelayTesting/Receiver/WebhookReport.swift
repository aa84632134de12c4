/// How what a ``WebhookReceiver`` accepted differs from what was committed.
package struct WebhookReport: Sendable, CustomStringConvertible {
    /// Requests and attempts of events, which are as many unless they come in batches.
    package var requests = 0
    package var attempts = 0
    /// Distinct events that were accepted, and events that were committed.
    package var accepted = 0
    package var committed = 0
    /// Events that were accepted more than once in their turn, and how often that was in all.
    package var duplicates: [String] = []
    package var repeats = 0
    /// Requests by status; 0 for those without an answer.
    package var answers: [Int: Int] = [:]
    /// Requests by the header `outbox-relay-redelivery`.
    package var redeliveries: [String: Int] = [:]

    /// Committed events that were neither accepted nor dead-lettered.
    package var missing = Examples()
    /// Events that were dead-lettered and yet accepted in their turn.
    package var deadAndDelivered = Examples()
    /// Accepted events whose transaction was aborted, and those that nobody wrote.
    package var aborted = Examples()
    package var unknown = Examples()
    /// Events whose key is not what was committed.
    package var altered = Examples()
    /// First acceptances before that of an earlier event of the same key.
    package var orderViolations = Examples()
    /// First attempts before an earlier event of the same key was settled.
    package var overlaps = Examples()
    /// Sequences that do not grow with the commit order of their key, or that differ between attempts.
    package var sequenceViolations = Examples()
    /// Signatures and timestamps that are not valid, and requests that are not what their format says.
    package var signatureFailures = Examples()
    package var malformed = Examples()

    package init() {}

    /// Each kind of difference that there is, with its count and its first few examples; duplicates are none, since a
    /// webhook is delivered at least once.
    package var problems: [String] {
        let kinds = [
            ("missing", missing), ("dead-lettered and yet delivered", deadAndDelivered),
            ("aborted and yet delivered", aborted), ("delivered and never written", unknown), ("altered", altered),
            ("out of order", orderViolations), ("begun before the one before was settled", overlaps),
            ("out of sequence", sequenceViolations), ("without a valid signature", signatureFailures),
            ("malformed", malformed),
        ]
        return kinds.filter { $1.count > 0 }.map { $1.described(as: $0) }
    }

    /// Whether every committed event was accepted or dead-lettered, in commit order by key, and nothing else came.
    package var isComplete: Bool { problems.isEmpty }

    package var description: String {
        let statuses = answers.sorted { $0.key < $1.key }
            .map { "\($0.value) × \($0.key == 0 ? "no answer" : "\($0.key)")" }.joined(separator: ", ")
        let head =
            "\(accepted) of \(committed) committed events accepted in \(requests) requests (\(statuses)), "
            + "\(repeats) of them again"
        return isComplete ? "\(head), all in order" : "\(head); \(problems.joined(separator: "; "))"
    }
}

extension WebhookRecord {
    /// Compares with what was committed.
    /// - Parameters:
    ///   - committed: every event that has to be accepted, but for those in `deadLettered`.
    ///   - ordered: whether events of a key have to come in commit order.
    func report(_ committed: [CommittedEvent], aborted: Set<String>, deadLettered: Set<String>, ordered: Bool)
        -> WebhookReport
    {
        read { state in
            var report = WebhookReport()
            (report.requests, report.attempts, report.accepted) = (state.requests, state.attempts, state.accepted)
            (report.answers, report.redeliveries) = (state.answers, state.redeliveries)
            (report.signatureFailures, report.malformed) = (state.signatures, state.flaws)
            report.sequenceViolations = state.sequenceChanges
            report.committed = committed.count
            let expected = Set(committed.map(\.id))
            for entry in state.entries where entry.accepted > 0 {
                if entry.acceptedInTurn > 1 {
                    report.duplicates.append(entry.id)
                    report.repeats += Int(entry.acceptedInTurn) - 1
                }
                guard !expected.contains(entry.id) else { continue }
                if aborted.contains(entry.id) { report.aborted.add(entry.id) } else { report.unknown.add(entry.id) }
            }
            for events in Dictionary(grouping: committed, by: \.key).values {
                let inOrder = events.sorted { $0.n < $1.n }
                let entries = inOrder.map { event in state.indices[event.id].map { state.entries[Int($0)] } }
                report.compare(inOrder, entries, deadLettered, ordered: ordered)
            }
            return report
        }
    }
}

extension WebhookReport {
    /// One key's events in commit order, with what is known of each.
    fileprivate mutating func compare(
        _ events: [CommittedEvent], _ entries: [WebhookRecord.Entry?], _ deadLettered: Set<String>, ordered: Bool
    ) {
        var (lastAccepted, lastSettled, lastSequence) = (0, 0, Int64.min)
        for (event, entry) in zip(events, entries) {
            let isDead = deadLettered.contains(event.id)
            if !isDead, entry.map({ $0.accepted == 0 }) ?? true { missing.add(event.id) }
            guard let entry else { continue }
            if isDead, entry.acceptedInTurn > 0 { deadAndDelivered.add(event.id) }
            if let key = entry.key, key != event.key { altered.add("\(event.id) with key \(key)") }
            if let sequence = entry.sequence {
                if sequence <= lastSequence {
                    sequenceViolations.add("\(event.id) with \(sequence) after \(lastSequence)")
                }
                lastSequence = sequence
            }
            guard ordered else { continue }
            let place = "\(event.key) number \(event.n)"
            if entry.firstAttempt < lastSettled { overlaps.add(place) }
            if entry.firstAccepted > 0 {
                if entry.firstAccepted < lastAccepted { orderViolations.add(place) }
                lastAccepted = max(lastAccepted, entry.firstAccepted)
            }
            // When an event that is given up was settled, the receiver cannot know: it came before, that is all.
            lastSettled = max(lastSettled, entry.firstAccepted > 0 ? entry.firstAccepted : entry.firstAttempt)
        }
    }
}
