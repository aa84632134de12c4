/// A dead letter that was not handed on for compensation yet.
public struct UncompensatedLetter: Sendable {
    public var id: Int64
    public var reasonCode: String
    public var reason: String
    /// Attempts to deliver it; 0 for what was never tried.
    public var attempts: Int
    /// Unix milliseconds, as the others; nil where it is not known.
    public var createdAt: Int64?
    public var firstAttempt: Int64?
    public var lastAttempt: Int64?
    /// The event, or what is known of the document that is none.
    public var event: EventReference

    /// A dead letter.
    public init(id: Int64, reasonCode: String, reason: String, attempts: Int, event: EventReference) {
        self.id = id
        self.reasonCode = reasonCode
        self.reason = reason
        self.attempts = attempts
        self.event = event
    }
}

/// Where dead letters are written for the service to compensate.
public protocol CompensationSink: Sendable {
    /// Writes dead letters of the destination, each once however often it is handed in.
    /// - Throws: ``RelayError``; the same letters are handed in again.
    func write(_ letters: [UncompensatedLetter], of destination: String) async throws
}

/// The event that tells other destinations of one that could not be delivered.
enum UndeliverableEvent {
    private static let suffix = ".undeliverable"

    /// The event `<type>.undeliverable` for a dead letter of `destination`; nil for one that has no id or type, and for
    /// one that is such an event itself: that never causes another.
    static func make(of letter: UncompensatedLetter, destination: String) -> PublishedEvent? {
        let event = letter.event
        guard let id = event.text(\.id), let type = event.text(\.type) else { return nil }
        if type.hasSuffix(suffix), id.contains(suffix + ".") { return nil }
        // PostgreSQL, where the request may lie, takes no NUL.
        func plain(_ text: String) -> String { text.replacing("\0", with: "\\0") }
        return PublishedEvent(
            id: plain("\(id)\(suffix).\(destination)"), topic: plain(event.text(\.topic) ?? type),
            type: plain(type + suffix), key: plain(event.text(\.key) ?? id),
            payload: payload(of: letter, destination: destination),
            occurredAt: letter.lastAttempt ?? letter.createdAt ?? event.record.occurredAt)
    }

    private static func payload(of letter: UncompensatedLetter, destination: String) -> String {
        let out = ByteArena(capacity: letter.event.byteCount + 1024)
        func member(_ name: StaticString, _ text: String, first: Bool = false) {
            out.append(first ? "{\"" : ",\"")
            out.append(name)
            out.append("\":")
            JSONQuote.append(text.utf8, to: out)
        }
        member("reason", letter.reasonCode, first: true)
        member("message", letter.reason)
        out.append(",\"attempts\":\(letter.attempts)")
        member("destination", destination)
        out.append(",\"event\":")
        let event = letter.event
        member("id", event.text(\.id) ?? "", first: true)
        for (name, field) in [
            ("topic", \EventRecord.topic), ("type", \.type), ("key", \.key), ("schemaVersion", \.schemaVersion),
            ("traceparent", \.traceparent),
        ] as [(StaticString, KeyPath<EventRecord, ByteRange>)] {
            if let text = event.text(field) { member(name, text) }
        }
        if event.record.occurredAt != .min { out.append(",\"occurredAt\":\(event.record.occurredAt)") }
        // Both are JSON as they came.
        if let headers = event.bytes(\.headers) {
            out.append(",\"headers\":")
            out.append(headers)
        }
        if let payload = event.bytes(\.payload) {
            if event.record.payloadIsBinary {
                member("payloadBase64", Base64.text(payload))
            } else {
                out.append(",\"payload\":")
                out.append(payload)
            }
        } else if let document = event.bytes(\.documentText) {
            out.append(",\"document\":")
            out.append(document)
        }
        out.append("}}")
        return String(decoding: out.bytes, as: UTF8.self)
    }
}
