import Synchronization

/// What the HTTP endpoints show of the whole relay.
public final class RelayStatus: Sendable {
    /// The relay's name (`RELAY_NAME`).
    public let name: String
    /// The version of this build.
    public let version: String
    /// Every pipeline, in the order of the configuration.
    public let pipelines: [PipelineStatus]
    /// Loops whose progress `/livez` watches, of all pipelines.
    public let progress: LoopProgress
    private let mongoReached = Mutex(false)
    private let mongoProblem = Mutex<String?>(nil)
    private let cleaning = Mutex(CleanupSnapshot.off)

    /// The status of a relay called `name`.
    public init(name: String, version: String, pipelines: [PipelineStatus], progress: LoopProgress) {
        self.name = name
        self.version = version
        self.pipelines = pipelines
        self.progress = progress
    }

    /// Whether MongoDB was reached at least once since the process started. Never false again:
    /// an unready sidecar takes its pod out of rotation.
    public var hasReachedMongoDB: Bool { mongoReached.withLock { $0 } }

    /// Says that MongoDB answered.
    public func noteMongoDBReached() {
        mongoReached.withLock { $0 = true }
        mongoProblem.withLock { $0 = nil }
    }

    /// What becomes of settled documents, a copy of now.
    public var cleanup: CleanupSnapshot { cleaning.withLock { $0 } }

    /// Changes ``cleanup`` under its lock; `change` must be short.
    public func updateCleanup(_ change: (inout sending CleanupSnapshot) -> Void) { cleaning.withLock { change(&$0) } }

    /// Why MongoDB has not been reached yet, for `/readyz` and `/status`.
    public var mongoDBProblem: String? { mongoProblem.withLock { $0 } }

    /// Says why MongoDB could not be reached.
    public func noteMongoDBProblem(_ problem: String) { mongoProblem.withLock { $0 = problem } }
}
