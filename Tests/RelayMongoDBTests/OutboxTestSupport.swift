import Foundation
import RelayCore

@testable import RelayMongoDB

/// A new seed, printed so that a failure can be repeated; the environment's `TEST_SEED` where it is set.
func freshSeed(_ name: String) -> UInt64 {
    let fixed = ProcessInfo.processInfo.environment["TEST_SEED"].flatMap { UInt64($0) }
    let seed = fixed ?? UInt64.random(in: 0 ... .max)
    print("\(name): seed \(seed)")
    return seed
}

/// What a decoded record says, as text.
struct DecodedEvent: Equatable {
    var id: String?
    var topic: String?
    var type: String?
    var key: String?
    var payload: String?
    var headers: String?
    var schemaVersion: String?
    var traceparent: String?
    var occurredAt: Int64
    var poison: Poison?

    init(_ record: EventRecord, in batch: EventBatch) {
        func text(_ range: ByteRange) -> String? { range.isPresent ? batch.arena.string(range) : nil }
        id = text(record.id)
        topic = text(record.topic)
        type = text(record.type)
        key = text(record.key)
        payload = text(record.payload)
        headers = text(record.headers)
        schemaVersion = text(record.schemaVersion)
        traceparent = text(record.traceparent)
        occurredAt = record.occurredAt
        poison = record.outcome == .poison ? batch.poison[Int(record.note)] : nil
    }
}

/// Decodes raw bytes and documents into one batch.
struct DecodingBench {
    let batch = EventBatch(end: Checkpoint(), capacity: 64)
    let decoder: OutboxDecoder

    init(_ mapping: OutboxMapping = OutboxMapping()) { decoder = OutboxDecoder(mapping, collection: "outbox") }

    /// The time that an event without one gets.
    static let fallbackTime: Int64 = 1_700_000_000_000

    @discardableResult
    func decode(_ bytes: [UInt8]) -> DecodedEvent {
        withExactCopy(of: bytes) { decoder.decode($0, fallbackTime: Self.fallbackTime, into: batch) }
        return DecodedEvent(batch.records[batch.records.count - 1], in: batch)
    }

    @discardableResult
    func decode(_ document: BSONDocument) -> DecodedEvent { decode(document.bytes) }
}

/// An outbox document with the fields of the default mapping.
let ordinaryFields: [(String, BSONValue)] = [
    ("_id", .objectID(BSONObjectID("6565a0b1c2d3e4f506172839")!)), ("aggregatetype", "order"), ("aggregateid", "o-1"),
    ("type", "order.created"), ("payload", ["total": 5]), ("headers", ["h": "v"]),
    ("occurredAt", .date(1_600_000_000_123)), ("schemaVersion", "2"), ("traceparent", "00-ab-cd-01"),
]

/// A field that is not there. (`nil` by itself would be BSON's null.)
let removed: BSONValue? = Optional.none

/// The ordinary document with some fields replaced, or removed where the value is nil.
func outboxDocument(_ changes: [String: BSONValue?] = [:]) -> BSONDocument {
    var fields: [(String, BSONValue)] = []
    var left = changes
    for (name, value) in ordinaryFields {
        if let change = left.removeValue(forKey: name) {
            if let change { fields.append((name, change)) }
        } else {
            fields.append((name, value))
        }
    }
    for (name, change) in left.sorted(by: { $0.key < $1.key }) { if let change { fields.append((name, change)) } }
    return BSONDocument(fields)
}

/// A BSON string of any bytes, UTF-8 or not.
func rawString(_ bytes: [UInt8]) -> BSONValue {
    .other(.string, withUnsafeBytes(of: Int32(bytes.count + 1).littleEndian, Array.init) + bytes + [0])
}
