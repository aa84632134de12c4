/// Decides what can be said of one outbox event at one destination. A pure value.
public struct AuditRule: Sendable {
    /// What can be said.
    public enum Verdict: String, Sendable, Codable, CaseIterable {
        case delivered
        case parked
        case deadLettered = "dead-lettered"
        case discarded
        /// The destination did not ask for it.
        case filtered
        /// It was there before the first start, and such events were to be skipped.
        case skipped
        /// The checkpoint has not passed it yet.
        case inFlight = "in-flight"
        /// There is no record that could prove anything.
        case unprovable = "cannot-be-proven"
        /// The checkpoint has passed it, and it is nowhere.
        case lost
    }

    /// What is known of an event.
    public struct Event: Sendable {
        /// Its id as it goes out; nil for a document that has none.
        public var id: String?
        /// Whether it is an event; what is none was dead-lettered, whatever the filter.
        public var isEvent: Bool
        /// Whether topic and type pass the destination's filter.
        public var passes: Bool
        /// Whether the document is marked as settled everywhere (`SOURCE_CLEANUP=mark`).
        public var isMarked: Bool
        /// When it was made, in Unix milliseconds, as its ObjectId or else its own time tells; nil when nothing does.
        public var time: Int64?

        /// An event.
        public init(id: String?, isEvent: Bool, passes: Bool, isMarked: Bool, time: Int64?) {
            self.id = id
            self.isEvent = isEvent
            self.passes = passes
            self.isMarked = isMarked
            self.time = time
        }
    }

    /// Whether the destination keeps a record of everything it was given: a queue does, a webhook does not.
    public var keepsRecords: Bool
    /// Events made before this may have been dropped by retention; nil where nothing is.
    public var keptSince: Int64?
    /// Events made before this were to be skipped; nil where none were.
    public var skippedBefore: Int64?
    /// How much later than it was made an event may have been committed, in milliseconds.
    public var slack: Int64

    /// A rule.
    public init(keepsRecords: Bool, keptSince: Int64? = nil, skippedBefore: Int64? = nil, slack: Int64 = 3_600_000) {
        self.keepsRecords = keepsRecords
        self.keptSince = keptSince
        self.skippedBefore = skippedBefore
        self.slack = slack
    }

    /// What can be said of `event`.
    /// - Parameters:
    ///   - fate: what the destination's records say; nil where they say nothing.
    ///   - reach: how far the pipeline was before `fate` was looked up.
    ///   - seen: the cluster's time at or behind which the event was committed.
    public func verdict(
        on event: Event, fate: EventFate?, reach: PipelineReach, committedBy seen: ClusterTime?
    ) -> Verdict {
        switch fate {
        case .delivered: return .delivered
        case .parked: return .parked
        case .deadLettered: return .deadLettered
        case .discarded: return .discarded
        case nil: break
        }
        if event.isEvent, !event.passes { return .filtered }
        if let skippedBefore, let time = event.time, time < skippedBefore { return .skipped }
        // A queue keeps what it was given. A mark only says that the checkpoint had passed the event: where there would
        // have to be a row and is none, it proves nothing.
        if event.isMarked, event.id == nil || !keepsRecords || mayBeDropped(event) { return .delivered }
        guard event.isMarked || hasPassed(event, reach, seen) else { return .inFlight }
        if event.id == nil || !keepsRecords { return .unprovable }
        return mayBeDropped(event) ? .unprovable : .lost
    }

    private func mayBeDropped(_ event: Event) -> Bool {
        guard let keptSince else { return false }
        return event.time.map { $0 < keptSince } ?? true
    }

    private func hasPassed(_ event: Event, _ reach: PipelineReach, _ seen: ClusterTime?) -> Bool {
        guard !reach.isInBacklog, let checkpoint = reach.clusterTime else { return false }
        // Whatever had been committed when it was read lies before the checkpoint.
        if let seen, checkpoint > seen { return true }
        guard let time = event.time else { return false }
        return time + slack < Int64(checkpoint.seconds) * 1000
    }
}
