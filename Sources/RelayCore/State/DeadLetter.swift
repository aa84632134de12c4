/// An event given up on, as the store keeps it.
public struct DeadLetter: Sendable {
    public var id: Int64
    public var reasonCode: String
    public var reason: String
    public var attempts: Int
    /// The source document in its source form (BSON); nil when only the event is known.
    public var document: [UInt8]?
    /// The event's fields, for a letter whose document is not kept; one record.
    public var event: EventBatch?

    /// A letter.
    public init(
        id: Int64, reasonCode: String, reason: String, attempts: Int, document: [UInt8]?, event: EventBatch?
    ) {
        self.id = id
        self.reasonCode = reasonCode
        self.reason = reason
        self.attempts = attempts
        self.document = document
        self.event = event
    }
}
