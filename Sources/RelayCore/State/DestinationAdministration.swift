/// What commands do with the state of one destination's pipeline, wherever that lies: they read, and leave requests
/// for the relay that holds the lease.
public protocol DestinationAdministration: Sendable {
    /// The newest dead letters that wait, or all with `includingResolved`; newest first.
    func letters(limit: Int, includingResolved: Bool) async throws -> [DeadLetterSummary]

    /// One dead letter, whole; nil when there is none of this id.
    func letter(_ id: Int64) async throws -> DeadLetterSummary?

    /// The ids of all dead letters that wait, oldest first.
    func waitingIDs() async throws -> [Int64]

    /// The oldest dead letters that were not handed on for compensation, but those retried since.
    func uncompensated(limit: Int) async throws -> [UncompensatedLetter]

    /// Remembers that dead letters were handed on.
    func markCompensated(_ ids: [Int64]) async throws

    /// What is on record of events; those of which nothing is are left out.
    func fates(of ids: [String]) async throws -> [String: EventFate]

    /// How far the pipeline is.
    func reach() async throws -> PipelineReach

    /// Leaves a request that nobody waits for. Left again with the same identity it is the same request.
    func leave(_ kind: RelayRequest.Kind, identity: String) async throws

    /// Leaves a request and waits for its answer.
    /// - Throws: ``RelayError`` when no relay answered within `timeout`: the request is withdrawn then.
    func request(_ kind: RelayRequest.Kind, within timeout: Duration) async throws -> RequestAnswer
}

/// A dead letter as people see it.
public struct DeadLetterSummary: Sendable, Codable {
    public var id: Int64
    public var pipeline: String
    public var eventID: String?
    public var topic: String?
    public var type: String?
    public var key: String?
    public var reasonCode: String
    public var reason: String
    /// Attempts to deliver it; 0 for what was never tried.
    public var attempts: Int
    /// RFC 3339, UTC, as all times here.
    public var createdAt: String
    /// `dead`, `retried` or `discarded`.
    public var state: String
    /// Webhooks only: the HTTP status of the last answer, the start of its body, and when the attempts were.
    public var status: Int?
    public var answer: String?
    public var firstAttemptAt: String?
    public var lastAttemptAt: String?
    /// `show` only: the source document as canonical Extended JSON, or else the payload.
    public var document: String?
    public var payload: String?
    public var headers: String?

    /// A dead letter that nothing is known of but this.
    public init(
        id: Int64, pipeline: String, reasonCode: String, reason: String, attempts: Int, createdAt: String, state: String
    ) {
        self.id = id
        self.pipeline = pipeline
        self.reasonCode = reasonCode
        self.reason = reason
        self.attempts = attempts
        self.createdAt = createdAt
        self.state = state
    }
}

extension DestinationAdministration {
    /// What ``request(_:within:)`` throws when time is up.
    public static func unanswered(pipeline: String, within timeout: Duration) -> RelayError {
        RelayError(
            .unavailable,
            "no relay answered for pipeline \(pipeline) within \(Int(timeout / .seconds(1))) s: is one running with "
                + "this configuration? The request was withdrawn")
    }
}
