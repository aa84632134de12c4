/// How the queue differs from what was committed.
package struct QueueReport: Sendable, CustomStringConvertible {
    /// Rows in the queue, and events that were committed.
    package var rows = 0
    package var committed = 0
    /// Committed events that are not in the queue.
    package var missing: [String] = []
    /// Events that are in the queue again.
    package var duplicates: [String] = []
    /// Events in the queue whose transaction was aborted.
    package var aborted: [String] = []
    /// Events in the queue that nobody wrote.
    package var unknown: [String] = []
    /// Events whose key or number is not what was committed.
    package var altered: [String] = []
    /// Rows that do not follow the row of the same key before them by one.
    package var orderViolations: [String] = []
    /// Positions that do not follow the position of the same stream before them by one.
    package var positionGaps: [String] = []

    package init() {}

    /// Whether the queue holds exactly the committed events, once each, in commit order by key, densely numbered.
    package var isExact: Bool { problems.isEmpty }

    /// Each kind of difference that there is, with its count and its first few examples.
    package var problems: [String] {
        let kinds = [
            ("missing", missing), ("delivered more than once", duplicates), ("aborted and yet delivered", aborted),
            ("delivered and never written", unknown), ("altered", altered), ("out of order", orderViolations),
            ("gaps in the positions", positionGaps),
        ]
        return kinds.filter { !$1.isEmpty }.map { kind, examples in
            "\(examples.count) \(kind): \(examples.prefix(3).joined(separator: ", "))\(examples.count > 3 ? ", …" : "")"
        }
    }

    package var description: String {
        let head = "\(rows) rows for \(committed) committed events"
        return isExact ? "\(head), exactly once and in order" : "\(head); \(problems.joined(separator: "; "))"
    }
}
