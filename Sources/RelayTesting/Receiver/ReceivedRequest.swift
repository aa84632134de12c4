import NIOCore
import NIOHTTP1

/// One request as a ``WebhookReceiver`` got it.
package struct ReceivedRequest: Sendable {
    let head: HTTPRequestHead
    let content: ByteBuffer
    /// Its `webhook-id`; empty where there is none.
    package let id: String
    /// The events in it: one, or more in a batch.
    package let events: [ReceivedEvent]
    /// Which attempt this is, from 1: of its event, or of a batch of these events.
    package let attempt: Int
    /// When the whole of it had arrived.
    package let at: ContinuousClock.Instant

    /// The path and query.
    package var path: String { head.uri }
    /// `POST`, one hopes.
    package var method: String { head.method.rawValue }
    /// The body's bytes as they came.
    package var body: [UInt8] { Array(content.readableBytesView) }
    /// The body as text.
    package var text: String { String(buffer: content) }
    /// All header fields in their order.
    package var headers: [(name: String, value: String)] { head.headers.map { ($0.name, $0.value) } }

    /// The first value of a header field; nil when there is none.
    package func header(_ name: String) -> String? { head.headers.first(name: name) }
}

/// One event in a request, as far as its format tells.
package struct ReceivedEvent: Sendable, Equatable {
    /// The event's id, not percent-encoded.
    package var id: String
    /// `partitionkey`; nil in formats without it.
    package var key: String?
    /// `sequence`; nil in formats without it.
    package var sequence: Int64?
}

extension ReceivedEvent {
    /// The events of a request, and what is wrong with its form; cheap, and by nothing that the relay is made of.
    static func all(_ head: HTTPRequestHead, _ body: ByteBuffer) -> (events: [ReceivedEvent], problem: String?) {
        guard let id = head.headers.first(name: "webhook-id"), !id.isEmpty else { return ([], "no webhook-id") }
        guard id.utf8.allSatisfy({ $0.isUnreserved || $0 == UInt8(ascii: "%") }) else {
            return ([], "a webhook-id with other characters than letters, digits, '_', '-' and '%': \(id)")
        }
        let type = head.headers.first(name: "content-type") ?? ""
        if type.hasPrefix("application/cloudevents-batch+json") {
            guard let events = body.withUnsafeReadableBytes(EventFields.batch), !events.isEmpty else {
                return ([], "a body that is no CloudEvents batch")
            }
            return (events, Set(events.map(\.id)).count == events.count ? nil : "an event twice in one batch")
        }
        let event: ReceivedEvent?
        if type.hasPrefix("application/cloudevents+json") {
            event = body.withUnsafeReadableBytes(EventFields.single)
        } else if head.headers.contains(name: "ce-specversion") {
            let fields = ["ce-id", "ce-partitionkey", "ce-sequence"].map { name in
                head.headers.first(name: name).map(percentDecoded)
            }
            event = fields[0].map { ReceivedEvent(id: $0, key: fields[1], sequence: fields[2].flatMap { Int64($0) }) }
        } else {
            return ([ReceivedEvent(id: percentDecoded(id))], nil)
        }
        guard let event else { return ([], "a body that is no CloudEvent") }
        return ([event], percentDecoded(id) == event.id ? nil : "webhook-id \(id) with the event \(event.id)")
    }

    private static func percentDecoded(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension UInt8 {
    /// A letter, a digit, `_` or `-`.
    fileprivate var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
