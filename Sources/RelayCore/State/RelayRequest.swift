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
        /// A request of a newer version of the relay.
        case unknown(String)
    }
    public var id: Int64
    public var kind: Kind

    /// The request `id`.
    public init(id: Int64, kind: Kind) {
        self.id = id
        self.kind = kind
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
