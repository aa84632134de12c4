/// A state store for destinations that cannot take an event and a checkpoint in one transaction: beside lease and
/// checkpoint it keeps what is parked and what was given up on.
///
/// One relay, the lease's holder, writes. Everything it has to write at one moment is one ``Settlement``.
public protocol SettlementStore: StateStore {
    /// Writes all of `settlement` or nothing, with majority write concern.
    ///
    /// It is written only if the stored state still has the revision of `state` and the lease is still `grant`'s.
    /// - Returns: the state as it is stored now: `revision` is one more.
    /// - Throws: ``RelayError``: `fenced` when it was not written because somebody else wrote or took over. After any
    ///   retriable error it is not known whether it was written: ``StateStore/load(_:)`` tells by the revision.
    func settle(_ settlement: Settlement, after state: StoredState, under grant: LeaseGrant) async throws -> StoredState

    /// Those of `keys` that have parked events.
    func parkedKeys(among keys: [EventKey]) async throws -> Set<EventKey>

    /// Keys whose next attempt is due at `time` (Unix milliseconds), the longest due first, `limit` at most, without
    /// `excluding`, of which there are few.
    func dueKeys(at time: Int64, limit: Int, excluding: [EventKey]) async throws -> [ParkedKey]

    /// When the earliest attempt of a parked key is due, in Unix milliseconds; nil when none is parked.
    func nextDue() async throws -> Int64?

    /// The first parked events of `key` in the order of their positions: `limit` at most, and no more than the first
    /// that make up `bytes`, but at least one if there is one.
    func parkedEvents(of key: EventKey, limit: Int, bytes: Int) async throws -> [ParkedEvent]

    /// How much is parked.
    func parkedTotals() async throws -> ParkedTotals

    /// The ids of events behind `position` that are parked, or dead letters that wait: read again after a crash, they
    /// are settled already. Few: never more than were in flight once.
    func settledBeyond(_ position: Int64) async throws -> Set<String>

    /// The dead letters `ids` that wait, for redelivery; those that do not wait are left out.
    func waitingDeadLetters(_ ids: [Int64]) async throws -> [StoredDeadLetter]
}

/// What is to be written at one moment, all of it or nothing.
public struct Settlement: Sendable {
    /// Up to where everything is settled now, with the count of events there; nil leaves it where it is.
    public var checkpoint: (end: Checkpoint, position: Int64)?
    /// Events to park. One that is parked already (same position and id) stays as it is.
    public var parked: [ParkedEvent] = []
    /// The schedules of keys that have parked events; nil removes a key that has none any more.
    public var keys: [EventKey: ParkedSchedule?] = [:]
    /// Parked events that are settled for good.
    public var unparked: [ParkedEvent.ID] = []
    /// By how many bytes of fields what is parked grows, or shrinks.
    public var parkedBytes: Int64 = 0
    /// Events to give up on.
    public var deadLetters: [NewDeadLetter] = []
    /// Dead letters that wait no longer, and what became of them.
    public var resolved: [Int64: DeadLetterState] = [:]
    /// Why the destination is to be paused; nil leaves it as it is.
    public var pause: String?
    /// Milliseconds for which the destination was paused or its breaker open, in all; nil leaves it as it is.
    public var stoppedMilliseconds: Int64?

    /// How far requests are that take several settlements, as the store keeps it beside them.
    public var progress: [Int64: String] = [:]

    /// Nothing to write.
    public init() {}

    /// Whether there is nothing to write.
    public var isEmpty: Bool {
        checkpoint == nil && parked.isEmpty && keys.isEmpty && unparked.isEmpty && deadLetters.isEmpty
            && resolved.isEmpty && pause == nil && stoppedMilliseconds == nil && progress.isEmpty
    }
}

/// An event that waits durably for its turn.
public struct ParkedEvent: Sendable {
    /// What identifies a parked event of one pipeline.
    public struct ID: Sendable, Hashable {
        /// Its count in the stream.
        public var position: Int64
        /// The first eight bytes of SHA-256 of its id: positions repeat when a filter was changed between a crash and
        /// the restart.
        public var hash: UInt64

        /// The identity of an event.
        public init(position: Int64, hash: UInt64) {
            self.position = position
            self.hash = hash
        }
    }

    /// The event.
    public var event: EventReference
    /// What it is delivered in order with.
    public var key: EventKey
    /// Why it is delivered out of order (`retry`, `replay`, `delayed`); nil for an event in its turn.
    public var redelivery: String?

    /// An event to park.
    public init(_ event: EventReference, key: EventKey, redelivery: String? = nil) {
        self.event = event
        self.key = key
        self.redelivery = redelivery
    }

    /// What identifies it.
    public var id: ID {
        ID(position: event.position, hash: EventKey(of: event.bytes(\.id) ?? .init(start: nil, count: 0)).high)
    }
}

/// When a parked key's first event is tried again, and what was tried before.
public struct ParkedSchedule: Sendable, Equatable {
    /// When it is due, in Unix milliseconds.
    public var due: Int64
    /// Attempts of the key's first event so far.
    public var attempts: Int
    /// When the first of them began, in Unix milliseconds; nil before it.
    public var firstAttempt: Int64?
    /// `stoppedMilliseconds` of the pipeline at that time.
    public var stoppedBefore: Int64
    /// When the key was parked, in Unix milliseconds.
    public var since: Int64

    /// A schedule.
    public init(due: Int64, attempts: Int, firstAttempt: Int64?, stoppedBefore: Int64, since: Int64) {
        self.due = due
        self.attempts = attempts
        self.firstAttempt = firstAttempt
        self.stoppedBefore = stoppedBefore
        self.since = since
    }
}

/// A key with parked events.
public struct ParkedKey: Sendable {
    public var key: EventKey
    public var schedule: ParkedSchedule

    /// A key and its schedule.
    public init(key: EventKey, schedule: ParkedSchedule) {
        self.key = key
        self.schedule = schedule
    }
}

/// How much is parked.
public struct ParkedTotals: Sendable, Equatable {
    public var keys: Int
    public var events: Int
    /// Bytes of the events' fields, about.
    public var bytes: Int64
    /// Since when the key that has been parked longest is, in Unix milliseconds.
    public var oldest: Int64?

    /// Totals.
    public init(keys: Int = 0, events: Int = 0, bytes: Int64 = 0, oldest: Int64? = nil) {
        self.keys = keys
        self.events = events
        self.bytes = bytes
        self.oldest = oldest
    }
}
