import Foundation
import RelayCore

@testable import RelayPostgreSQL

/// Repeatable random numbers (SplitMix64); tests print the seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A new seed, printed so that a failure can be repeated; the environment's `TEST_SEED` where it is set.
func freshSeed(_ name: String) -> UInt64 {
    let fixed = ProcessInfo.processInfo.environment["TEST_SEED"].flatMap { UInt64($0) }
    let seed = fixed ?? UInt64.random(in: 0 ... .max)
    print("\(name): seed \(seed)")
    return seed
}

/// An event's fields as a test writes them down.
struct TestEvent: Equatable {
    var id = "id"
    var topic = "topic"
    var type = "type"
    var key = "key"
    var payload: [UInt8] = Array("{}".utf8)
    var headers: String?
    var schemaVersion: String?
    var traceparent: String?
    var occurredAt = Int64.min

    /// Appends the event to a batch.
    @discardableResult
    func append(to batch: EventBatch, poison: Poison? = nil) -> EventRecord {
        func range(_ bytes: [UInt8]) -> ByteRange {
            let start = batch.arena.count
            bytes.withUnsafeBytes { batch.arena.append($0) }
            return ByteRange(offset: start, length: batch.arena.count - start)
        }
        var record = EventRecord()
        record.id = range(Array(id.utf8))
        record.topic = range(Array(topic.utf8))
        record.type = range(Array(type.utf8))
        record.key = range(Array(key.utf8))
        record.payload = range(payload)
        if let headers { record.headers = range(Array(headers.utf8)) }
        if let schemaVersion { record.schemaVersion = range(Array(schemaVersion.utf8)) }
        if let traceparent { record.traceparent = range(Array(traceparent.utf8)) }
        record.occurredAt = occurredAt
        if let poison { batch.append(record, poison: poison) } else { batch.append(record) }
        return record
    }

    /// An event of random fields, some of them empty, some missing.
    static func random(_ random: inout SeededGenerator) -> TestEvent {
        func text(_ most: Int = 12) -> String {
            String(
                (0..<Int.random(in: 0...most, using: &random)).map { _ in "abc-:é€😀\"\\".randomElement(using: &random)!
                })
        }
        func maybe(_ value: String) -> String? { Bool.random(using: &random) ? value : nil }
        var event = TestEvent(id: text(), topic: text(), type: text(), key: text())
        event.payload = (0..<Int.random(in: 0...300, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
        }
        event.headers = maybe(#"{"h":"v"}"#)
        event.schemaVersion = maybe(text())
        event.traceparent = maybe(text())
        event.occurredAt = [Int64.min, 0, .random(in: -9_999_999_999_999...9_999_999_999_999, using: &random)]
            .randomElement(using: &random)!
        return event
    }
}

/// Reads PostgreSQL's binary formats, written from its documentation ("Binary Format" of COPY, `array_send`).
struct BinaryReader {
    struct Truncated: Error {}
    let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func take(_ count: Int) throws -> [UInt8] {
        guard count >= 0, offset + count <= bytes.count else { throw Truncated() }
        defer { offset += count }
        return Array(bytes[offset..<(offset + count)])
    }

    mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws -> Number {
        try take(MemoryLayout<Number>.size).reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }

    /// A value behind its length; nil for a null.
    mutating func field() throws -> [UInt8]? {
        let length = try integer(Int32.self)
        return length == -1 ? nil : try take(Int(length))
    }

    /// A one-dimensional array of values, with the type of its elements.
    mutating func array() throws -> (type: UInt32, values: [[UInt8]?]) {
        let dimensions = try integer(Int32.self)
        _ = try integer(Int32.self)
        let type = try integer(UInt32.self)
        guard dimensions == 1 else { return (type, []) }
        let count = try integer(Int32.self)
        guard try integer(Int32.self) == 1 else { throw Truncated() }
        return (type, try (0..<count).map { _ in try field() })
    }

    static func integer<Number: FixedWidthInteger>(_ bytes: [UInt8]?) -> Number? {
        guard let bytes, bytes.count == MemoryLayout<Number>.size else { return nil }
        return bytes.reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
}
