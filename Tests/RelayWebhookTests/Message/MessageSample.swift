import Foundation
import NIOCore
import NIOHTTP1
import RelayCore
import RelayTesting

@testable import RelayWebhook

/// An event with its fields in the open; what is nil is not there.
struct MessageSample: Sendable {
    var id = "65f0c0ffee0123456789abcd"
    var topic: String? = "order"
    var type = "OrderPlaced"
    var key: String? = "o-17"
    var payload: [UInt8]? = Array(#"{"total":12.5}"#.utf8)
    var isBinary = false
    var headers: String?
    var schemaVersion: String?
    var traceparent: String?
    /// 2026-01-31T12:00:00.250Z
    var occurredAt: Int64 = 1_769_860_800_250
    var position: Int64 = 42

    /// The event, in a batch of its own.
    var event: EventReference {
        let batch = EventBatch(end: Checkpoint(), capacity: 64)
        var record = EventRecord()
        func add(_ bytes: some Collection<UInt8>) -> ByteRange {
            let start = batch.arena.count
            Array(bytes).withUnsafeBytes { batch.arena.append($0) }
            return ByteRange(offset: start, length: batch.arena.count - start)
        }
        func add(_ text: String?) -> ByteRange { text.map { add($0.utf8) } ?? .none }
        record.id = add(id)
        record.topic = add(topic)
        record.type = add(type)
        record.key = add(key)
        record.payload = payload.map { add($0) } ?? .none
        record.payloadIsBinary = isBinary
        record.headers = add(headers)
        record.schemaVersion = add(schemaVersion)
        record.traceparent = add(traceparent)
        record.occurredAt = occurredAt
        batch.append(record)
        return EventReference(batch, index: 0, position: position)
    }
}

/// The secrets of the published vectors.
enum PublishedKeys {
    static let shared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    static let open = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
}

/// When the attempts of these tests are made: 2026-01-31T12:00:03Z.
let attemptSeconds: Int64 = 1_769_860_803

/// An encoder of its own options.
func encoder(
    _ format: WebhookOptions.Format = .cloudevents, _ change: (inout WebhookOptions) -> Void = { _ in }
) throws -> MessageEncoder {
    var options = WebhookOptions(
        destination: "billing", pipeline: "shop.outbox.billing", url: "https://billing.example/hooks",
        eventSource: "/shop/outbox")
    options.format = format
    options.version = "1.2.3"
    change(&options)
    return try MessageEncoder(options)
}

extension MessageEncoder {
    func encode(_ samples: MessageSample..., redelivery: String? = nil) throws -> WebhookMessage {
        try encode(samples.map(\.event), redelivery: redelivery, at: attemptSeconds)
    }
}

extension WebhookMessage {
    var text: String { String(buffer: body) }
    var bytes: [UInt8] { Array(body.readableBytesView) }
    /// The headers one a line, in their order.
    var lines: [String] { headers.map { "\($0.name): \($0.value)" } }
    func header(_ name: String) -> String? { headers.first(name: name) }
}

/// Repeatable random numbers; the seed is printed, and `TEST_SEED` sets it.
struct MessageRandom: RandomNumberGenerator {
    private var numbers = ConformanceRandom()
    var seed: UInt64 { numbers.seed }

    init(_ name: String) { print("\(name): seed \(seed)") }

    mutating func next() -> UInt64 { numbers.next() }

    /// Text of up to `most` characters of every kind: plain runs, quotes, control characters, all planes.
    mutating func text(_ most: Int = 40) -> String {
        var scalars = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...most, using: &self) {
            let scalar: Unicode.Scalar? =
                switch Int.random(in: 0..<8, using: &self) {
                case 0...3: Unicode.Scalar(UInt8.random(in: 0x20...0x7E, using: &self))
                case 4: Unicode.Scalar(UInt8.random(in: 0...0xFF, using: &self))
                case 5: "\"\\%./ \u{7F}\u{2028}\u{FFFF}".unicodeScalars.randomElement(using: &self)
                case 6: Unicode.Scalar(UInt32.random(in: 0...0xFFFF, using: &self))
                default: Unicode.Scalar(UInt32.random(in: 0x1_0000...0x10_FFFF, using: &self))
                }
            // Foundation's JSON leaves out a byte order mark at a text's end: what it reads back is compared.
            if let scalar, scalar != "\u{FEFF}" { scalars.append(scalar) }
        }
        return String(scalars)
    }
}
