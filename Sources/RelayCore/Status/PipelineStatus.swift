import Synchronization

/// Who may write a pipeline's events now.
public enum PipelineRole: String, Sendable, CaseIterable, Codable {
    /// This relay holds the lease.
    case leader
    /// Another relay holds it, or nobody could take it yet.
    case standby
}

/// What a pipeline does now.
public enum PipelineState: String, Sendable, CaseIterable, Codable {
    /// Waiting for servers at the start, or for the lease.
    case starting
    /// Reading a backlog, or behind the source.
    case catchingUp = "catching-up"
    /// Level with the source.
    case streaming
    /// Stopped by a person until `resume`.
    case paused
    /// Stopped by the relay: a person has to decide.
    case halted
}

/// Whether a webhook's endpoint is believed to work.
public enum BreakerState: String, Sendable, CaseIterable, Codable {
    /// It works.
    case closed
    /// It failed as a whole: reading is paused, and a probe now and then finds out when it is back.
    case open
    /// It refuses every event, whatever the event: as `open`, but somebody has to mend the receiver or its URL.
    case refusing
    /// A probe is under way.
    case halfOpen = "half-open"
}

/// One pipeline as `/status` shows it, a copy at one moment.
public struct PipelineSnapshot: Sendable {
    /// The pipeline's name: `<relay name>/<destination>`.
    public var name: String
    /// The destination's name.
    public var destination: String
    public var role: PipelineRole = .standby
    public var state: PipelineState = .starting
    /// Why it is paused, halted or not yet started; nil when there is nothing to say.
    public var why: String?
    /// Seconds between the source's newest commit and the newest settled one; 0 when level.
    public var lagSeconds: Double?
    /// Events not yet settled, where that can be known.
    public var lagEvents: Int?
    /// Seconds of oplog behind the checkpoint before the position is lost; nil without the privilege to look.
    public var oplogHeadroomSeconds: Double?
    /// The same as a share of what the oplog holds, from 0 to 1; 1 as long as the oplog has room and drops nothing. Known
    /// while a breaker is open.
    public var oplogShare: Double?
    /// The last failure, and when, in Unix seconds.
    public var lastError: String?
    public var lastErrorAt: Double?
    /// The epoch of the lease, growing with every change of hands.
    public var epoch: Int64?
    /// The queue stream this pipeline writes, and the last position in it.
    public var stream: Int?
    public var position: Int64?
    /// Events waiting durably for another attempt, the keys they belong to, and since when the oldest does, in Unix
    /// seconds. Webhooks only, as what follows.
    public var parked: Int = 0
    public var parkedKeys: Int = 0
    public var oldestParkedAt: Double?
    /// Whether events are parked as they come, since the endpoint is away and the oplog runs short.
    public var isSpooling = false
    /// The breaker's state; nil for destinations without one.
    public var breaker: BreakerState?
    /// Attempts under way.
    public var inFlight: Int = 0
    /// Events given up on and not yet retried or discarded.
    public var deadLetters: Int = 0
    /// The last stretch of the oplog that was gone before it was read, in Unix seconds.
    public var historyGap: HistoryGap?
    /// Why this pipeline keeps settled documents from being cleaned up, if it does; known to the relay that cleans.
    public var cleanupBlockedBy: [String] = []
    /// How often reading and delivering began anew after a failure.
    public var restarts: Int = 0
    /// The cluster time up to which everything is settled.
    public var settledTime: ClusterTime?
    /// Totals since the process started.
    public var eventsRead: Int64 = 0
    public var eventsDelivered: Int64 = 0
    public var eventsFiltered: Int64 = 0
    public var eventsDeadLettered: Int64 = 0

    /// A stretch of time, in Unix seconds.
    public struct HistoryGap: Sendable, Equatable {
        public var from: Int
        public var to: Int

        /// The stretch between two times.
        public init(from: UInt32, to: UInt32) {
            self.from = Int(from)
            self.to = Int(to)
        }
    }

    /// A pipeline that has done nothing yet.
    public init(name: String, destination: String) {
        self.name = name
        self.destination = destination
    }

    /// No longer the leader: what only the leader knows is not known any more.
    mutating func resign() {
        role = .standby
        lagSeconds = nil
        lagEvents = nil
    }
}

/// The live status of one pipeline: its parts write to it, the HTTP endpoints read copies.
public final class PipelineStatus: Sendable {
    private let value: Mutex<PipelineSnapshot>
    /// Loops whose progress `/livez` watches.
    public let progress: LoopProgress

    /// The status of the pipeline `name`.
    public init(name: String, destination: String, progress: LoopProgress) {
        value = Mutex(PipelineSnapshot(name: name, destination: destination))
        self.progress = progress
    }

    /// A copy of the status as it is now.
    public var snapshot: PipelineSnapshot { value.withLock { $0 } }

    /// Changes the status under its lock; `change` must be short.
    public func update(_ change: (inout sending PipelineSnapshot) -> Void) {
        value.withLock { change(&$0) }
    }
}
