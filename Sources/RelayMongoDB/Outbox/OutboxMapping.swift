/// Which field of an outbox document is which part of an event, and how its values become text.
public struct OutboxMapping: Sendable {
    /// Field names, dotted paths allowed (`SOURCE_FIELD_…`).
    public var id: String
    public var topic: String?
    public var key: String?
    public var type: String
    public var payload: String
    public var headers: String?
    public var time: String?
    public var schemaVersion: String?
    public var traceparent: String?
    /// The field that orders a backlog exactly, if there is one.
    public var sequence: String?
    /// How BSON becomes JSON.
    public var style: JSONStyle
    /// Accepted schema versions; nil accepts any.
    public var schemaVersions: [ClosedRange<Int>]?
    /// Whether a BSON binary payload is passed on as bytes (for a `bytea` column), not as base64 text.
    public var keepsBinaryPayload: Bool

    /// The field that delays an event until a time; its name is fixed.
    static let deliverAfter = "deliverAfter"

    /// The field names of Debezium's MongoDB outbox event router.
    public init(
        id: String = "_id", topic: String? = "aggregatetype", key: String? = "aggregateid", type: String = "type",
        payload: String = "payload", headers: String? = "headers", time: String? = "occurredAt",
        schemaVersion: String? = "schemaVersion", traceparent: String? = "traceparent", sequence: String? = nil,
        style: JSONStyle = .plain, schemaVersions: [ClosedRange<Int>]? = nil, keepsBinaryPayload: Bool = false
    ) {
        self.id = id
        self.topic = topic
        self.key = key
        self.type = type
        self.payload = payload
        self.headers = headers
        self.time = time
        self.schemaVersion = schemaVersion
        self.traceparent = traceparent
        self.sequence = sequence
        self.style = style
        self.schemaVersions = schemaVersions
        self.keepsBinaryPayload = keepsBinaryPayload
    }

    /// The field that names the document which holds the payload, in place of the payload.
    static let payloadReference = "payloadRef"

    var fields: [String] {
        // A field that is not mapped gets a name that no BSON document can have.
        [
            id, topic, key, type, payload, headers, time, schemaVersion, traceparent, Self.payloadReference,
            Self.deliverAfter,
        ].map {
            $0 ?? "\0"
        }
    }
}
