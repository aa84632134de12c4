import RelayCore
import Testing

@testable import RelayMongoDB

/// One field of an outbox document at a time.
@Suite("Outbox decoder: fields")
struct OutboxFieldTests {
    private func decode(_ changes: [String: BSONValue?], _ mapping: OutboxMapping = OutboxMapping()) -> DecodedEvent {
        DecodingBench(mapping).decode(outboxDocument(changes))
    }

    @Test("a document of Debezium's layout is an event by default")
    func defaults() {
        let event = DecodingBench().decode(outboxDocument())
        #expect(event.poison == nil)
        #expect(event.id == "6565a0b1c2d3e4f506172839")
        #expect(event.topic == "order")
        #expect(event.key == "o-1")
        #expect(event.type == "order.created")
        #expect(event.payload == #"{"total":5}"#)
        #expect(event.headers == #"{"h":"v"}"#)
        #expect(event.occurredAt == 1_600_000_000_123)
        #expect(event.schemaVersion == "2")
        #expect(event.traceparent == "00-ab-cd-01")
    }

    @Test("what is not required has a default")
    func missingOptional() {
        let bare = decode([
            "aggregatetype": removed, "aggregateid": removed, "headers": removed, "occurredAt": removed,
            "schemaVersion": removed, "traceparent": removed,
        ])
        #expect(bare.poison == nil)
        #expect(bare.topic == "outbox")
        #expect(bare.key == bare.id)
        #expect(bare.headers == nil)
        #expect(bare.occurredAt == DecodingBench.fallbackTime)
        #expect(bare.schemaVersion == nil)
        #expect(bare.traceparent == nil)
        // Null is as good as missing there.
        let null = decode([
            "aggregatetype": .null, "aggregateid": .null, "headers": .null, "occurredAt": .null, "schemaVersion": .null,
            "traceparent": .null,
        ])
        #expect(null == bare)
        #expect(decode(["aggregatetype": ""]).topic == "outbox")
        #expect(decode(["aggregateid": ""]).key == "6565a0b1c2d3e4f506172839")
    }

    @Test("id, type and payload are required", arguments: ["_id", "type", "payload"])
    func missingRequired(field: String) {
        let event = decode([field: removed])
        #expect(event.poison?.reason == .missingField)
        #expect(event.poison?.message.contains("'\(field)'") == true)
        // A null payload is a value; a null id or type is nothing.
        let null = decode([field: .null])
        #expect(null.poison?.reason == (field == "payload" ? nil : .missingField))
        if field == "payload" { #expect(null.payload == "null") }
    }

    @Test(
        "a field of a type that cannot be used makes the document poison and names the field",
        arguments: [
            ("type", 5), ("type", ["a": 1]), ("type", ""), ("_id", ""), ("aggregatetype", 5), ("aggregatetype", ["x"]),
            ("headers", "text"), ("headers", [1]), ("headers", 5), ("occurredAt", "yesterday"), ("occurredAt", 1.5),
            ("occurredAt", true), ("occurredAt", ["t": 1]), ("schemaVersion", 1.5), ("schemaVersion", ["v": 1]),
            ("schemaVersion", true),
        ] as [(String, BSONValue)])
    func wrongType(field: String, value: BSONValue) {
        let event = decode([field: value])
        #expect(event.poison?.reason == .invalidField)
        #expect(event.poison?.message.contains("'\(field)'") == true)
    }

    @Test(
        "text that is not UTF-8 makes the document poison",
        arguments: ["_id", "type", "aggregatetype", "aggregateid", "schemaVersion", "traceparent", "payload"])
    func invalidUTF8(field: String) {
        for bytes: [UInt8] in [[0xFF], [0x61, 0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80]] {
            let bench = DecodingBench()
            let event = bench.decode(outboxDocument([field: rawString(bytes)]))
            #expect(event.poison?.reason == .invalidDocument)
        }
    }

    @Test(
        "NUL in a text is for the destination to judge; in headers, which are always jsonb, it is not storable",
        arguments: ["_id", "type", "aggregatetype", "aggregateid", "schemaVersion", "traceparent"])
    func nul(field: String) {
        let event = decode([field: "a\0b"])
        #expect(event.poison == nil)
        let texts = [event.id, event.type, event.topic, event.key, event.schemaVersion, event.traceparent]
        #expect(texts.filter { $0 == "a\0b" }.count == 1)
        #expect(decode(["headers": ["h": "a\0b"]]).poison?.reason == .unstorable)
    }

    @Test(
        "an id or key of any type becomes its text",
        arguments: [
            (.objectID(BSONObjectID("6565a0b1c2d3e4f506172839")!), "6565a0b1c2d3e4f506172839"),
            (.binary(Array(0..<16), subtype: 4), "00010203-0405-0607-0809-0a0b0c0d0e0f"), ("text é", "text é"),
            (.int32(-5), "-5"), (.int64(.max), "9223372036854775807"), (["a": 1], #"{"a":{"$numberInt":"1"}}"#),
            (.bool(true), "true"), (.double(1.5), #"{"$numberDouble":"1.5"}"#),
        ] as [(BSONValue, String)])
    func identifiers(value: BSONValue, text: String) {
        #expect(decode(["_id": value]).id == text)
        #expect(decode(["_id": value]).poison == nil)
        #expect(decode(["aggregateid": value]).key == text)
    }

    @Test(
        "a time may be a date, a timestamp, milliseconds or RFC 3339",
        arguments: [
            (.date(-1), -1), (.timestamp(BSONTimestamp(seconds: .max, increment: 9)), 4_294_967_295_000),
            (.int32(7), 7), (.int64(.max), .max), (.double(1e12), 1_000_000_000_000),
            ("2020-09-13T12:26:40Z", 1_600_000_000_000), ("2020-09-13T14:26:40.5+02:00", 1_600_000_000_500),
        ] as [(BSONValue, Int64)])
    func times(value: BSONValue, milliseconds: Int64) {
        let event = decode(["occurredAt": value])
        #expect(event.poison == nil)
        #expect(event.occurredAt == milliseconds)
    }

    @Test("schema versions are text or whole numbers, and can be restricted")
    func schemaVersions() {
        #expect(decode(["schemaVersion": 3]).schemaVersion == "3")
        #expect(decode(["schemaVersion": .double(4)]).schemaVersion == "4")
        #expect(decode(["schemaVersion": "v1"]).schemaVersion == "v1")
        let mapping = OutboxMapping(schemaVersions: [1...3, 5...5])
        for value: BSONValue in ["1", "3", 5, .int64(2), .double(5)] {
            #expect(decode(["schemaVersion": value], mapping).poison == nil)
        }
        for value: BSONValue? in ["4", 0, 6, "v1", "", removed, .null, .int64(.min)] {
            #expect(decode(["schemaVersion": value], mapping).poison?.reason == .schemaVersion)
        }
    }

    @Test("an unusable trace context is left out, not a reason to reject")
    func traceparent() {
        for value: BSONValue in [5, "", ["a": 1]] {
            let event = decode(["traceparent": value])
            #expect(event.poison == nil)
            #expect(event.traceparent == nil)
        }
    }

    @Test("names can be mapped to paths, and what is not mapped is never looked at")
    func paths() {
        let mapping = OutboxMapping(
            id: "meta.id", topic: nil, key: "meta.keys.1", type: "type", payload: "body.data", headers: nil, time: nil,
            schemaVersion: nil, traceparent: nil)
        let document: BSONDocument = [
            "_id": 1, "aggregatetype": 5, "headers": 5, "occurredAt": "never", "schemaVersion": 1.5, "": "empty name",
            "meta": ["id": "inner", "keys": ["a", "b"]], "type": "t", "body": ["data": [1, 2]],
        ]
        let event = DecodingBench(mapping).decode(document)
        #expect(event.poison == nil)
        #expect(event.id == "inner")
        #expect(event.key == "b")
        #expect(event.topic == "outbox")
        #expect(event.payload == "[1,2]")
        #expect(event.headers == nil)
        #expect(event.schemaVersion == nil)
        // A field of exactly that name comes before the path.
        let exact = document.appending("meta.id", "outer")
        #expect(DecodingBench(mapping).decode(exact).id == "outer")
        // A path through something that is no document leads nowhere.
        let flat = DecodingBench(mapping).decode(["meta": "text", "type": "t", "body": ["data": 1]])
        #expect(flat.poison?.reason == .missingField)
        #expect(flat.poison?.message.contains("'meta.id'") == true)
    }
}
