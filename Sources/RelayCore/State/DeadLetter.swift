/// An event to give up on, or a document that is none.
public struct NewDeadLetter: Sendable {
    /// The event, or the record of the document.
    public var event: EventReference
    /// Why, and in what words.
    public var poison: Poison
    /// Attempts to deliver it; 0 for what was never tried.
    public var attempts: Int
    /// The HTTP status of the last answer, where there was one.
    public var status: Int?
    /// The first KiB of the last answer's body, as it came; may be empty.
    public var answer: [UInt8]
    /// When the first and the last attempt began, in Unix milliseconds.
    public var firstAttempt: Int64?
    public var lastAttempt: Int64?

    /// A dead letter.
    public init(
        _ event: EventReference, _ poison: Poison, attempts: Int = 0, status: Int? = nil, answer: [UInt8] = [],
        firstAttempt: Int64? = nil, lastAttempt: Int64? = nil
    ) {
        self.event = event
        self.poison = poison
        self.attempts = attempts
        self.status = status
        self.answer = answer
        self.firstAttempt = firstAttempt
        self.lastAttempt = lastAttempt
    }
}

/// A dead letter that waits, as far as a redelivery needs it.
public struct StoredDeadLetter: Sendable {
    public var id: Int64
    /// The source document in its source form, where it was kept: a corrected mapping may make an event of it.
    public var document: [UInt8]?
    /// The event, where it was one.
    public var event: EventReference?

    /// A stored dead letter.
    public init(id: Int64, document: [UInt8]?, event: EventReference?) {
        self.id = id
        self.document = document
        self.event = event
    }
}

/// What became of a dead letter.
public enum DeadLetterState: String, Sendable, Codable, CaseIterable {
    /// Waits for a person.
    case dead
    /// Was delivered again, or parked for it.
    case retried
    /// Was given up for good.
    case discarded
}
