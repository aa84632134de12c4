import DequeModule
import RelayCore

/// Decides what is tried, parked, given up and stored, and when: everything about delivery but the doing. A pure value,
/// told of time and results, so that its rules can be tested by the thousand.
///
/// Events in memory form lines by key. An event leaves memory delivered, parked or given up; the last two count as
/// settled in the same settlement that stores them, so the checkpoint never passes what could be lost.
struct DeliveryMachine: Sendable {
    /// What does not change.
    struct Limits: Sendable {
        var concurrency = 32
        /// Events of one request at most: more than one for `cloudevents-batch` only.
        var eventsPerRequest = 1
        /// Bytes of their fields at which a request is full.
        var bytesPerRequest = 1 << 20
        /// Bytes of events in memory at which nothing more is taken over.
        var buffer = 16 << 20
        /// Events in memory at which nothing more is taken over.
        var events = 2048
        var ordersByKey = true
        /// Bytes of parked events at which nothing more is spooled; nil where nothing is.
        var spool: Int64?
        var retry = RetryPolicy(first: 1000, most: 3_600_000, limit: 86_400_000)
    }

    /// How long a failed event waits in memory before it is parked: most failures pass by then.
    static let holdTime: Int64 = 1000
    /// How long an attempt may take before its event is parked so that it does not hold up the checkpoint.
    static let stragglerTime: Int64 = 2000
    /// Events of a parked key that are read at once, and their bytes.
    static let loadEvents = 16
    static let loadBytes = 256 << 10
    /// How long a key whose parked events cannot be read waits at most until they are looked at again.
    static let longestDeferral: Int64 = 60_000

    let limits: Limits
    var prefix = SettledPrefix()
    var lines: [EventKey: KeyLine] = [:]
    var readyFresh: Deque<EventKey> = []
    var readyParked: Deque<EventKey> = []
    /// Keys whose first event is held or refused in memory.
    var waiting: Set<EventKey> = []
    /// Those of them that were refused and may yet turn out not to be the only ones.
    var refusing: Set<EventKey> = []
    /// Keys whose first event is being tried.
    var trying: Set<EventKey> = []
    /// Requests under way, and those of them with parked events.
    var inFlight = 0
    var parkedInFlight = 0
    /// Whether the last attempt was with parked events.
    var tookParked = false
    /// Bytes of events that were read from the park.
    var loadedBytes = 0
    /// Lines in memory whose events are parked.
    var parkedLines: Set<EventKey> = []
    var breaker: CircuitBreaker
    var bucket: TokenBucket?
    /// Nothing is tried before this uptime: the receiver said so.
    var notBefore: Int64
    /// Whether anything new may be tried.
    var isRunning = true
    /// Why the destination paused itself.
    var pauseReason: String?

    /// The count of events taken over.
    var position: Int64
    /// Events read again that were settled before.
    var alreadySettled: Set<String>
    /// The count behind which none of them can come any more.
    let lastSettledBefore: Int64

    // What is to be written, and what was.
    var pending = Settlement()
    /// Batches of events that are settled as soon as `pending` is written.
    var settledWithPending: [Int: Int] = [:]
    /// The number of the settlement last taken, and last written.
    var taken = 0
    var written = 0
    /// Lines that wait for a settlement, in the order of the settlements.
    var waitingForWrite: Deque<(key: EventKey, settlement: Int)> = []

    // The park.
    var totals: ParkedTotals
    /// Lines whose parked events have to be read.
    var toLoad: [EventKey] = []
    /// When the next parked key may be due, in Unix milliseconds.
    var nextDue: Int64 = 0
    /// Whether keys were parked with the settlement that is pending, or being written, of which no line is in memory.
    var parksOthers = (pending: false, taken: false)
    /// Keys that left memory for the park, or the park for good, since the look into the park began.
    var leftSinceLook: Set<EventKey> = []
    var retiredSinceLook: Set<EventKey> = []
    var isLooking = false
    /// What requests have parked in this pass. Delayed events, which may wait for months, do not hold requests up.
    var errandKeys: Set<EventKey> = []
    /// Keys whose parked events could not be read though the store answers, and how often in a row.
    var unreadable: [EventKey: Int] = [:]

    /// Whether everything is parked as it comes, so that the position in the source goes on through an outage.
    var isSpooling = false
    /// Whether the endpoint has failed since this began.
    var hasSeenFailure = false

    // Time that does not count.
    var stoppedMilliseconds: Int64
    var openedAt: Int64?
    var storedStopped: Int64
    var lastDelivery: Int64 = .min
    var nextStragglers: Int64 = 0
    var random = SystemRandomNumberGenerator()

    // What happened since it was last asked, for metrics and logs.
    var report = DeliveryReport()

    /// - Parameters:
    ///   - state: behind which events follow.
    ///   - alreadySettled: ids of events behind it that are settled already.
    init(
        limits: Limits, after state: StoredState, totals: ParkedTotals, alreadySettled: Set<String>,
        breaker: CircuitBreaker = CircuitBreaker(), bucket: TokenBucket? = nil, notBefore: Int64 = .min,
        now: Moment = .now
    ) {
        self.limits = limits
        self.totals = totals
        self.alreadySettled = alreadySettled
        self.breaker = breaker
        self.bucket = bucket
        self.notBefore = notBefore
        position = state.position
        lastSettledBefore = state.position + Int64(limits.events) + 10_000
        stoppedMilliseconds = state.stoppedMilliseconds
        storedStopped = state.stoppedMilliseconds
        openedAt = breaker.isClosed ? nil : now.uptime
    }

    /// Whether another batch may be taken over. While the breaker is open, a few events are enough for probes.
    var hasRoom: Bool {
        guard isRunning else { return false }
        if isFull { return false }
        return breaker.isClosed || spools || prefix.unsettled < 2 * limits.concurrency
    }

    var isFull: Bool { prefix.heldBytes >= limits.buffer || prefix.unsettled >= limits.events }

    /// For how long the destination has been stopped, in all.
    func stopped(at now: Moment) -> Int64 {
        stoppedMilliseconds + (openedAt.map { max(0, now.uptime - $0) } ?? 0)
    }

    /// The settlement that whatever is pending becomes part of.
    var building: Int { taken + 1 }

    mutating func enqueue(_ key: EventKey, isParked: Bool, first: Bool = false) {
        if isParked {
            if first { readyParked.prepend(key) } else { readyParked.append(key) }
        } else {
            if first { readyFresh.prepend(key) } else { readyFresh.append(key) }
        }
    }
}

/// What happened, for metrics, status and logs.
struct DeliveryReport: Sendable {
    var delivered = 0
    /// Commit to delivery, in milliseconds.
    var latencies: [Int64] = []
    var deadLettered: [Poison.Reason: Int] = [:]
    var parkedEvents = 0
    var breaker: [(state: BreakerState, reason: String?)] = []
}
