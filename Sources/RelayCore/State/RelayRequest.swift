/// What a command asks of the relay that holds the lease. Commands never write events themselves.
public struct RelayRequest: Sendable {
    /// What is asked.
    public enum Kind: Sendable, Equatable {
        /// Deliver these dead letters again, at new positions.
        case retryDeadLetters([Int64])
        /// Give these dead letters up for good.
        case discardDeadLetters([Int64])
        /// Stop delivering until `resume`.
        case pause(reason: String)
        /// Go on after a pause.
        case resume
        /// Deliver these events of the source again, at new positions.
        case replay(ReplaySelection)
        /// Deliver this event, which another pipeline of the relay has made.
        case publish(PublishedEvent)
        /// A request of a newer version of the relay.
        case unknown(String)
    }
    public var id: Int64
    public var kind: Kind
    /// How far it was carried out by whoever began it (``ErrandProgress``); nil when nothing of it was.
    public var progress: String?

    /// The request `id`.
    public init(id: Int64, kind: Kind, progress: String? = nil) {
        self.id = id
        self.kind = kind
        self.progress = progress
    }
}

/// What the relay answers.
public struct RequestAnswer: Sendable, Codable, Equatable {
    /// Whether everything that was asked was done.
    public var succeeded: Bool
    /// A sentence.
    public var message: String
    /// How many items it was done to.
    public var count: Int

    /// An answer.
    public init(succeeded: Bool, message: String, count: Int = 0) {
        self.succeeded = succeeded
        self.message = message
        self.count = count
    }
}
