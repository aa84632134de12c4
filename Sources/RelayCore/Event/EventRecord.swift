/// One event of an ``EventBatch``: where its fields lie in the batch's arena. No field is an object.
public struct EventRecord: Sendable {
    /// What became of a source document.
    public enum Outcome: UInt8, Sendable {
        /// An event to deliver.
        case event
        /// A document that is no event; `note` of the batch says why.
        case poison
        /// An event that this destination did not ask for.
        case filtered
        /// An event to deliver later, at ``EventRecord/deliverAfter``.
        case delayed
    }

    public var outcome: Outcome = .event
    /// Whether `payload` is JSON text that `jsonb` would refuse (`\u0000`, a lone surrogate).
    public var payloadRefusedByJSONB = false
    /// Whether `payload` is the raw bytes of a binary value and not JSON text.
    public var payloadIsBinary = false
    /// Whether it may have been settled before, which the source cannot tell: the state store is asked.
    public var mayRepeat = false
    public var id: ByteRange = .none
    public var topic: ByteRange = .none
    public var type: ByteRange = .none
    public var key: ByteRange = .none
    /// JSON text, or the raw bytes of a binary payload (``payloadIsBinary``).
    public var payload: ByteRange = .none
    /// A JSON object's text; ``ByteRange/none`` means `{}`.
    public var headers: ByteRange = .none
    public var schemaVersion: ByteRange = .none
    public var traceparent: ByteRange = .none
    /// The source document as it was, in the source's own form; kept for poison only.
    public var document: ByteRange = .none
    /// The same document as text for people; kept for poison only, where it can be made.
    public var documentText: ByteRange = .none
    /// When it happened, in milliseconds since 1970-01-01 UTC; `Int64.min` when unknown.
    public var occurredAt: Int64 = .min
    /// When it was committed, in milliseconds since 1970-01-01 UTC; `Int64.min` when unknown.
    public var committedAt: Int64 = .min
    /// When it may be delivered at the earliest, in milliseconds since 1970-01-01 UTC; `Int64.min` for at once.
    public var deliverAfter: Int64 = .min
    /// The reason in the batch's `poison` list, for ``Outcome/poison``.
    public var note: Int32 = -1

    /// An event without fields.
    public init() {}
}

/// Why a document is no event.
public struct Poison: Sendable, Equatable {
    /// One of a fixed set, safe as a metric label.
    public enum Reason: String, Sendable, CaseIterable {
        /// The bytes are not a valid BSON document.
        case invalidDocument = "invalid-document"
        /// A required field is missing.
        case missingField = "missing-field"
        /// A field has a type or a value that cannot be used.
        case invalidField = "invalid-field"
        /// PostgreSQL cannot hold the text (NUL characters, lone surrogates in `jsonb`).
        case unstorable = "unstorable"
        /// The destination's server refused this event and takes others.
        case refused = "refused"
        /// Its schema version is not among `SOURCE_SCHEMA_VERSIONS`.
        case schemaVersion = "schema-version"
        /// The document that its `payloadRef` names is gone.
        case referenceGone = "reference-gone"
        /// The document that its `payloadRef` names has another version than the one named.
        case referenceChanged = "reference-changed"
        /// Too large for the destination.
        case tooLarge = "too-large"
        /// The webhook's receiver refused it for good (most answers of 400 to 499).
        case rejected = "rejected"
        /// The webhook's receiver did not take it within `DESTINATION_RETRY_FOR`.
        case exhausted = "retries-exhausted"
    }
    public var reason: Reason
    /// A sentence for people, without payload.
    public var message: String

    /// A reason with its sentence.
    public init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }
}
