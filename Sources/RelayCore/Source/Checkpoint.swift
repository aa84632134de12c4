/// Up to where everything is settled, as a pipeline stores it: enough to go on from there after any
/// crash, and to notice when "there" no longer means what it did.
public struct Checkpoint: Sendable, Equatable, Codable {
    /// The layout of this structure.
    public var format: Int = 1
    /// The resume token's `_data`, a hexadecimal string that sorts in stream order.
    /// Nil until the stream was read for the first time.
    public var token: String?
    /// How many events of the change event at `token` are settled, where one change event holds several.
    public var ordinal: Int = 0
    /// The cluster time of `token`, or the time the first start began at.
    public var clusterTime: ClusterTime?
    /// Where the reading of the backlog stands; nil once the backlog is done.
    public var backlog: BacklogPosition?
    /// What decides whether a token can be resumed, by name, so that a change can be named.
    public var options: [String: String] = [:]
    /// The random id that the relay keeps in the cluster (`outbox_relay_identity`).
    public var cluster: String?
    /// The watched collections' UUIDs by name, as last seen.
    public var collections: [String: String] = [:]
    /// Whether reading goes on behind the invalidate event at `token`.
    public var invalidated: Bool = false

    /// A checkpoint at nothing.
    public init() {}
}

/// Where the reading of a backlog stands.
///
/// A backlog is read in key order as a snapshot at one cluster time. When the server no longer keeps that
/// snapshot, the reading goes on at a later one: first the stream's events between the two times whose
/// documents sort at or before the cursor (the scan would miss them), then the scan behind the cursor at
/// the later time (which brings the others). So no document is taken twice and none is missed, however
/// long it takes.
public struct BacklogPosition: Sendable, Equatable, Codable {
    /// The cluster time of the snapshot that is being scanned.
    public var snapshot: ClusterTime
    /// The collection that is being scanned, where there are several: they are read in the order of their names.
    public var collection: String?
    /// The sort key of the last document read of it, as hexadecimal BSON; nil before the first.
    public var cursor: String?
    /// While the stream between two snapshots is read: the time of the later one.
    public var catchingUpTo: ClusterTime?
    /// Set when the oplog was lost and the collection is read again (`SOURCE_ON_HISTORY_LOST=rescan`).
    public var rescan: Rescan?

    /// Reading again what may have been missed.
    public struct Rescan: Sendable, Equatable, Codable {
        /// Documents older than this, in Unix milliseconds, were settled; nil takes all.
        public var since: Int64?
        /// Whether documents that were marked as settled are left out; nil is no.
        public var leavesOutMarked: Bool?

        /// A rescan of what is not older than `since`.
        public init(since: Int64?, leavesOutMarked: Bool = false) {
            self.since = since
            self.leavesOutMarked = leavesOutMarked ? true : nil
        }
    }

    /// A backlog at `snapshot` of which nothing was read.
    public init(snapshot: ClusterTime) { self.snapshot = snapshot }
}
