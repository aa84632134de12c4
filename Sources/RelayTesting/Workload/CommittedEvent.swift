/// An event whose transaction was committed, as the workload knows it.
package struct CommittedEvent: Sendable, Hashable {
    /// The event's id as it stands in the queue: 24 hexadecimal digits.
    package let id: String
    /// The key that it is ordered by.
    package let key: String
    /// Its number among the key's events in commit order, from 1 without a gap: counted up in the transaction.
    package let n: Int
    /// When the commit's answer had arrived; nil for events that were read from the outbox.
    package let committedAt: ContinuousClock.Instant?

    package init(id: String, key: String, n: Int, committedAt: ContinuousClock.Instant? = nil) {
        self.id = id
        self.key = key
        self.n = n
        self.committedAt = committedAt
    }
}

/// What a workload did, to be compared with what the queue holds.
package struct WorkloadRecord: Sendable {
    /// Every committed event.
    package var committed: [CommittedEvent] = []
    /// Ids of events whose transaction was aborted on purpose or for good.
    package var aborted: Set<String> = []
    /// Transactions that were committed, and those that were aborted on purpose.
    package var committedTransactions = 0
    package var abortedTransactions = 0
    /// Attempts that conflicts or failures ended, and that were made again.
    package var retries = 0
    /// From the first transaction to the last.
    package var duration = Duration.zero

    package init() {}

    /// Adds what another writer or another run did.
    package mutating func add(_ other: WorkloadRecord) {
        committed += other.committed
        aborted.formUnion(other.aborted)
        committedTransactions += other.committedTransactions
        abortedTransactions += other.abortedTransactions
        retries += other.retries
        duration = max(duration, other.duration)
    }
}
