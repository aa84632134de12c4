import DequeModule
import RelayCore

/// An event that was taken over and is not settled.
struct DeliveryItem: Sendable {
    var event: EventReference
    /// The batch it came with, for the settled prefix; nil for an event that is parked.
    var batch: Int?
    /// What identifies it in the park; nil for an event that is only in memory.
    var parked: ParkedEvent.ID?
    /// Why it is delivered out of order; nil in its turn.
    var redelivery: String?
    /// Whether it goes into no batch any more: a batch with it was refused.
    var isAlone = false
}

/// The events of one key in their order, as far as they are in memory. At most one attempt is under way.
struct KeyLine: Sendable {
    enum Phase: Sendable, Equatable {
        /// The first event may be tried.
        case ready
        /// It is being tried, since this uptime.
        case inFlight(since: Int64)
        /// It failed, is kept in memory, and is due again then.
        case held(due: Int64, since: Int64)
        /// It was refused, and is given up at that time unless it turns out that everything is refused.
        case refused(until: Int64)
        /// Nothing is in memory any more, but more is parked: read it when that settlement is written.
        case draining(after: Int)
        /// It is being read.
        case loading
        /// Everything about it is, or will be, stored with that settlement; then it leaves memory.
        case leaving(after: Int, due: Int64?)
    }

    /// The first event; nil while there is none in memory.
    var head: DeliveryItem?
    var rest: Deque<DeliveryItem> = []
    var phase: Phase
    /// Whether later events of the key have to be parked as well.
    var isParked = false
    /// Whether more of its events may be parked than are in memory.
    var mayHaveMore = false
    /// The newest settlement with events that were parked behind those in memory.
    var appendedIn = 0
    /// Bytes of its events that were read from the park.
    var loadedBytes = 0
    /// Attempts of the first event.
    var attempts = 0
    /// When the first of them began, in Unix milliseconds, and how long the destination had been stopped by then.
    var firstAttempt: Int64?
    var stoppedBefore: Int64 = 0
    /// Uptime of the first event's first failure since it is in memory.
    var failingSince: Int64?
    /// Since when it is parked, in Unix milliseconds.
    var parkedSince: Int64 = 0
    /// Whether the first event was refused while everything was: the next refusal counts for itself.
    var wasRefusedWithAll = false
    /// The last refusal, for the dead letter.
    var refusal: AttemptResult?
    /// When the last attempt began, in Unix milliseconds.
    var lastAttempt: Int64?

    /// A line of one event that may be tried.
    init(_ item: DeliveryItem) {
        head = item
        phase = .ready
    }

    /// A line whose events are parked and have to be read.
    init(loading schedule: ParkedSchedule) {
        phase = .loading
        isParked = true
        attempts = schedule.attempts
        firstAttempt = schedule.firstAttempt
        stoppedBefore = schedule.stoppedBefore
        parkedSince = schedule.since
    }

    /// Forgets what was tried with the event before.
    mutating func beginNext() {
        attempts = 0
        firstAttempt = nil
        failingSince = nil
        wasRefusedWithAll = false
        refusal = nil
    }
}

/// What one worker is to do: one attempt with these events, one of each key.
struct Assignment: Sendable {
    var keys: [EventKey]
    var events: [EventReference]
    var redelivery: String?
    var isProbe: Bool
    /// Whether its events were read from the park.
    var isParked: Bool
    var began: Moment
    /// How long the destination had been stopped by then, in milliseconds.
    var stoppedBefore: Int64
}
