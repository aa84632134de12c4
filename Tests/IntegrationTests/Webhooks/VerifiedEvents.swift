import Foundation
import RelayCore
import RelayTesting

/// Random events, and what an independent receiver must find of them.
struct VerifiedEvents {
    static let source = "/shop/outbox%20one"

    /// An event and its line in the file of what is expected.
    struct Item: Sendable {
        var event: EventReference
        var key: String
        var line: Data
    }

    private var random = ConformanceRandom()

    init() { print("verified events: seed \(random.seed)") }

    /// `count` events of a stream, with random text in every field. `name` keeps their ids apart from others'.
    mutating func make(_ count: Int, keys: Int, named name: String) throws -> [Item] {
        let keys = (0..<keys).map { "\(name) \($0) \(text(12))" }
        return try (1...max(count, 1)).map { position in
            // Some have none.
            try item("\(name)-\(position)-", Int64(position), number(10) == 0 ? "" : keys[number(keys.count)])
        }
    }

    private mutating func item(_ prefix: String, _ position: Int64, _ key: String) throws -> Item {
        var attributes = [
            "specversion": "1.0", "source": Self.source, "id": prefix + text(number(50) == 0 ? 1500 : 10),
            "type": "Order" + text(10), "topic": "order" + text(20), "subject": key, "partitionkey": key,
            "schemaversion": number(2) == 0 ? "" : text(5),
            "sequence": String(repeating: "0", count: 20 - "\(position)".count) + "\(position)",
        ]
        var headers: [String: Any] = ["tenant": text(20), "nested": ["dataschema": "urn:not:this"]]
        var traces: [String: String] = [:]
        let time = times[number(times.count)]
        attributes["time"] = time.text

        if number(3) == 0 {
            let schema = schemas[number(schemas.count)]
            headers["dataschema"] = schema.text
            if schema.isAbsolute { attributes["dataschema"] = schema.text }
        }
        // What breaks lines must never reach a header.
        attributes["traceparent"] =
            [
                "", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-\r\nce-id: other",
            ][number(3)]
        let state = ["", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1,\n\nb=\"2\""][number(3)]
        headers["tracestate"] = state
        if !attributes["traceparent"]!.isEmpty {
            attributes["tracestate"] = state
            if attributes["traceparent"]!.count == 55 {
                traces["traceparent"] = attributes["traceparent"]
                if state.hasPrefix("rojo") { traces["tracestate"] = state }
            }
        }

        let isBinary = number(4) == 0
        attributes["datacontenttype"] = isBinary ? "application/octet-stream" : "application/json"
        let payload = isBinary ? bytes() : try json()
        attributes = attributes.filter { !$0.value.isEmpty }
        return Item(
            event: try Self.event(
                attributes, headers: JSONSerialization.data(withJSONObject: headers), payload, isBinary: isBinary,
                at: time.milliseconds, position: position),
            key: key,
            line: try JSONSerialization.data(withJSONObject: [
                "attributes": attributes, "payload": payload.base64EncodedString(), "headers": traces,
            ]))
    }

    private let times: [(milliseconds: Int64, text: String)] = [
        (1_769_860_800_250, "2026-01-31T12:00:00.250Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, ""), (.min, ""),
    ]

    private let schemas: [(text: String, isAbsolute: Bool)] = [
        ("https://schemas.example/order/1.json?a=%C3%A9", true), ("urn:example:order:1", true),
        ("http://user@[2001:db8::1]:8080/a", true), ("order/1.json", false), ("https://schemas.example/a b", false),
        ("https://schemas.example/order#part", false), ("", false),
    ]

    /// Any valid JSON that a service may have written, on one line or not.
    private mutating func json() throws -> Data {
        switch number(8) {
        case 0:
            let scalars = [
                "null", "true", "-17.5e3", "9007199254740993", "\"a \\ud83d\\ude00 \\u0000\"", "\"\\ud800\"",
            ]
            return Data(scalars[number(scalars.count)].utf8)
        case 1: return Data("\n[ 1 , {\"a\" : [ ]} ,\t\"\(String(repeating: "é", count: number(30)))\" ]\r\n".utf8)
        case 2:
            // Large enough to be compressed.
            let lines = (0..<20 + number(40)).map { _ in ["sku": text(10), "count": number(9)] as [String: Any] }
            return try JSONSerialization.data(withJSONObject: ["lines": lines], options: .prettyPrinted)
        default:
            return try JSONSerialization.data(
                withJSONObject: [
                    "id": text(20), "x" + text(5): number(1000), "total": Double(number(10_000)) / 100,
                    "note": number(2) == 0 ? NSNull() : text(40),
                ] as [String: Any])
        }
    }

    private mutating func bytes() -> Data {
        let count = [0, 1, 2, 100, 2000][number(5)]
        // Some are UTF-8.
        return number(2) == 0
            ? Data(repeating: UInt8(ascii: "a"), count: count) : Data((0..<count).map { _ in UInt8(number(256)) })
    }

    private mutating func number(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    /// Text of up to `most` characters of every kind: plain, quotes and controls, all planes.
    private mutating func text(_ most: Int) -> String {
        var scalars = String.UnicodeScalarView()
        for _ in 0..<number(most + 1) {
            switch number(8) {
            case 0...4: scalars.append(Unicode.Scalar(UInt8(0x20 + number(0x5F))))
            case 5: scalars.append(Unicode.Scalar(UInt8(number(0x100))))
            default: if let scalar = Unicode.Scalar(UInt32(number(0x11_0000))) { scalars.append(scalar) }
            }
        }
        return String(scalars)
    }

    private static func event(
        _ attributes: [String: String], headers: Data, _ payload: Data, isBinary: Bool, at milliseconds: Int64,
        position: Int64
    ) -> EventReference {
        let batch = EventBatch(end: Checkpoint())
        func add(_ bytes: Data?) -> ByteRange {
            guard let bytes else { return .none }
            let start = batch.arena.count
            bytes.withUnsafeBytes { batch.arena.append($0) }
            return ByteRange(offset: start, length: bytes.count)
        }
        func add(_ name: String) -> ByteRange { add(attributes[name].map { Data($0.utf8) }) }
        var record = EventRecord()
        record.id = add("id")
        record.topic = add("topic")
        record.type = add("type")
        record.key = add("partitionkey")
        record.schemaVersion = add("schemaversion")
        record.traceparent = add("traceparent")
        record.headers = add(headers)
        record.payload = add(payload)
        record.payloadIsBinary = isBinary
        record.occurredAt = milliseconds
        batch.append(record)
        return EventReference(batch, index: 0, position: position)
    }
}
