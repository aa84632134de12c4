// Measures BSON to JSON on one thread: bytes of BSON read per second, three runs each, over the
// order event of the demo. Run it on an otherwise idle machine:
//
//     swift run -c release BSONBenchmark

import RelayCore
import RelayMongoDB

/// A price with two decimals.
func price(_ cents: UInt64) -> BSONValue { .decimal128(BSONDecimal128(high: 0x303C_0000_0000_0000, low: cents)) }

let payload: BSONDocument = [
    "orderId": "o-123456",
    "customer": ["id": "c-98765", "name": "Zoë Müller", "email": "zoe.mueller@example.com"],
    "items": [
        ["sku": "SKU-00017-BLK", "name": "Ceramic mug, 350 ml", "quantity": 2, "price": 12.95],
        ["sku": "SKU-00442-XL", "name": "Rain jacket \"Nord\"", "quantity": 1, "price": 149.5],
        ["sku": "SKU-10391", "name": "Socks, pack of 5", "quantity": 3, "price": 19.99],
    ],
    "total": price(23_537),
    "currency": "EUR",
    "placedAt": .date(1_795_377_021_123),
    "note": "Please leave the parcel with the neighbour on the second floor.",
]
let order: BSONDocument = [
    "_id": .objectID(BSONObjectID("65f0c0ffee0123456789abcd")!),
    "aggregatetype": "order",
    "aggregateid": "o-123456",
    "type": "OrderPlaced",
    "occurredAt": .date(1_795_377_021_000),
    "schemaVersion": 1,
    "payload": .document(payload),
]

let clock = ContinuousClock()

/// Prints megabytes and documents per second of three runs of `body`, which handles one document.
func measure(_ title: String, bytes: Int, _ body: () throws -> Void) rethrows {
    let rounds = 400_000
    var figures: [String] = []
    for _ in 0..<rounds / 10 { try body() }
    for _ in 0..<3 {
        let started = clock.now
        for _ in 0..<rounds { try body() }
        let elapsed = clock.now - started
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        figures.append(
            "\(Int(Double(bytes * rounds) / seconds / 1e6)) MB/s (\(Int(seconds * 1e9) / rounds) ns)")
    }
    let padding = String(repeating: " ", count: max(0, 28 - title.count))
    print("\(title)\(padding) \(bytes) bytes: \(figures.joined(separator: ", "))")
}

let arena = ByteArena(capacity: 1 << 16)
try payload.withView { view in
    try measure("payload, plain", bytes: view.bytes.count) {
        arena.truncate(to: 0)
        try BSONJSON.append(view, style: .plain, to: arena)
    }
}
try order.withView { view in
    for style in JSONStyle.allCases {
        try measure("whole document, \(style)", bytes: view.bytes.count) {
            arena.truncate(to: 0)
            try BSONJSON.append(view, style: style, to: arena)
        }
    }
    let matcher = BSONFieldMatcher([
        "_id", "aggregatetype", "aggregateid", "type", "payload", "headers", "occurredAt", "schemaVersion",
        "traceparent",
    ])
    let values = BSONFieldValues(for: matcher)
    try measure("nine fields", bytes: view.bytes.count) { try matcher.match(view, into: values) }
    try measure("validate", bytes: view.bytes.count) { try view.validate() }
}
arena.truncate(to: 0)
try payload.withView { _ = try BSONJSON.append($0, style: .plain, to: arena) }
let text = Array(arena.bytes)
text.withUnsafeBytes { bytes in
    measure("JSON text, validate", bytes: bytes.count) {
        guard JSONText.validate(bytes) != nil else { fatalError("the encoder wrote no JSON") }
    }
}
print(String(decoding: text, as: UTF8.self))
