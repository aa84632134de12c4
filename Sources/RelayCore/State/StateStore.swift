/// Where a pipeline's lease, checkpoint, requests and dead letters live: beside what they must be atomic with.
///
/// Every call is bounded in time and throws a retriable ``RelayError`` when the store cannot be reached.
public protocol StateStore: Sendable {
    /// The server's calendar. It is set with each ``takeOver(_:)`` and ``load(_:)``, and by ``maintain()``.
    var clock: StoreClock { get }

    /// Makes sure that the tables are there (creating them if it may) and that the pipeline is registered.
    func prepare() async throws

    /// Asks for the lease once.
    /// - Parameters:
    ///   - owner: a random id of this acquisition.
    ///   - ttl: how long the lease holds without renewal, on the store's clock.
    /// - Returns: the grant, or who holds it.
    func acquireLease(owner: String, ttl: Duration) async throws -> LeaseAnswer

    /// Makes the grant's holder the only writer, ending whoever still holds on to the checkpoint, and
    /// returns the stored state.
    func takeOver(_ grant: LeaseGrant) async throws -> StoredState

    /// Renews the lease. False when it is somebody else's by now.
    func renewLease(_ grant: LeaseGrant, ttl: Duration) async throws -> Bool

    /// Gives the lease back, so that another need not wait for it to expire.
    func releaseLease(_ grant: LeaseGrant) async throws

    /// The state as it is stored now, on a connection that no earlier write of this pipeline can still be using.
    func load(_ grant: LeaseGrant) async throws -> StoredState

    /// Requests that commands have left for this pipeline, oldest first.
    func pendingRequests() async throws -> [RelayRequest]

    /// Answers a request that writes no event.
    func answer(_ request: RelayRequest, _ answer: RequestAnswer) async throws

    /// Those of `ids`, of events, that this pipeline is known to have settled: delivered where that is recorded,
    /// parked, delayed, or given up on. Asked when the source had to read again what may have been read before.
    func settled(among ids: [String]) async throws -> Set<String>

    /// How many dead letters wait for a person.
    func deadLetterCount() async throws -> Int

    /// Work that keeps the store in order (partitions, retention); called about once a minute by the leader.
    func maintain() async throws

    /// Breaks off ``maintain()`` and counting: the term ends. Callable from any task.
    func cancelUpkeep()

    /// Remembers that a person paused the pipeline, or resumed it.
    func setPaused(_ reason: String?, request: RelayRequest) async throws
}

/// The lease, as one acquisition got it.
public struct LeaseGrant: Sendable, Equatable {
    /// The random id of the acquisition.
    public var owner: String
    /// Grows with every change of hands.
    public var epoch: Int64
    /// A lease granted to `owner` in `epoch`.
    public init(owner: String, epoch: Int64) {
        self.owner = owner
        self.epoch = epoch
    }
}

/// The answer to a request for the lease.
public enum LeaseAnswer: Sendable {
    case granted(LeaseGrant)
    /// Somebody else has it: `holder` is a name for people, `expiresIn` the time it has left.
    case held(by: String, expiresIn: Duration)
}

/// What a store knows of a pipeline.
public struct StoredState: Sendable {
    /// The queue stream it writes.
    public var stream: Int
    /// Events delivered to it so far: the last position.
    public var position: Int64
    /// Grows with every write of the checkpoint; the next write names it.
    public var revision: Int64
    /// Nil before the first.
    public var checkpoint: Checkpoint?
    /// Why a person, or the receiver, paused it, if one did.
    public var paused: String?
    /// Milliseconds for which the destination was paused or its breaker open, in all: they do not count against
    /// `DESTINATION_RETRY_FOR`. Webhooks only.
    public var stoppedMilliseconds: Int64 = 0

    /// A state as stored.
    public init(stream: Int, position: Int64, revision: Int64, checkpoint: Checkpoint?, paused: String?) {
        self.stream = stream
        self.position = position
        self.revision = revision
        self.checkpoint = checkpoint
        self.paused = paused
    }
}
