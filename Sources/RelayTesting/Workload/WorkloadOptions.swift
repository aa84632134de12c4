/// What a ``Workload`` writes, and how fast.
package struct WorkloadOptions: Sendable {
    /// Which key each transaction is about.
    package enum Keys: Sendable {
        /// Any of so many, so that writers meet and some transactions conflict.
        case random(count: Int)
        /// `steps` transactions for each key (an order that is placed, paid, shipped), `width` keys at a time in turn.
        case orders(width: Int, steps: Int)
    }

    /// Where the service writes.
    package var database = "shop"
    package var orders = "orders"
    package var outbox = "outbox"
    /// How many connections write at once.
    package var writers = 4
    package var keys = Keys.random(count: 1000)
    /// In front of each key's number: other prefixes are other keys.
    package var keyPrefix = "order-"
    /// Events to be committed.
    package var events: Int
    /// Events that each transaction writes, all of one key.
    package var eventsPerTransaction = 1
    /// How many transactions are aborted on purpose for each that is committed.
    package var abortRatio = 0.05
    /// Committed transactions a second of all writers together; nil is as fast as it goes.
    package var rate: Double?
    /// Characters of filling in each event.
    package var filling = 120
    /// How long one transaction is tried again over elections and conflicts.
    package var retryFor = Duration.seconds(60)

    /// So many events from four writers over 1,000 keys.
    package init(events: Int) { self.events = events }
}
