import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Documents")
    struct DocumentTests {
        @Test("every BSON type, from backlog and stream")
        func everyType() async throws {
            let rig = try await Rig()
            try await rig.insert([outboxDocument("backlog", payload: .document(Self.everything))])
            _ = try await rig.streamingRelay()
            try await rig.insert([outboxDocument("stream", payload: .document(Self.everything))])
            try await rig.waitForRows(2)
            let events = try await rig.events()
            #expect(events.map(\.id) == ["backlog", "stream"])
            for event in events { #expect(event.payload == Self.everythingAsJSON) }
        }

        @Test("a document of 16 MiB, and the event behind it")
        func largest() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            // The server's limit to the byte: what is left for the text is what the empty document leaves.
            let limit = 16 << 20
            func document(_ length: Int) -> BSONDocument {
                outboxDocument(1, payload: ["text": .string(String(repeating: "ä", count: length / 2))])
            }
            let largest = document((limit - document(0).bytes.count) / 2 * 2)
            #expect(limit - largest.bytes.count < 2)
            try await rig.insert([largest])
            try await rig.insert([outboxDocument(2, payload: ["n": 2])])
            try await rig.waitForRows(2, within: .seconds(60))
            let sizes = try await rig.sql(
                "SELECT event_id, length(payload ->> 'text') FROM outbox_relay.events ORDER BY position"
            ).rows
            #expect(sizes[0] == ["1", "\((limit - document(0).bytes.count) / 2)"])
            #expect(sizes[1][0] == "2")
            #expect(try await rig.deadLetters().isEmpty)
            let peak = try #require(relay.peakResidentBytes)
            #expect(peak < (64 + 32 + 8 * 16) << 20, "\(peak >> 20) MiB")
        }

        @Test("a deeply nested document")
        func deep() async throws {
            let rig = try await Rig()
            // MongoDB stores 180 levels at the most; the payload is the second.
            let depth = 178
            var payload: BSONValue = ["leaf": 1]
            for level in 0..<(depth - 1) { payload = level % 2 == 0 ? ["a": payload] : .array([payload]) }
            try await rig.insert([outboxDocument("backlog", payload: payload)])
            _ = try await rig.streamingRelay()
            try await rig.insert([outboxDocument("stream", payload: payload), outboxDocument("after", payload: 1)])
            try await rig.waitForRows(3)
            let events = try await rig.events()
            #expect(events.map(\.id) == ["backlog", "stream", "after"])
            for event in events.prefix(2) {
                #expect(event.payload.filter { $0 == "{" || $0 == "[" }.count == depth)
            }
        }

        @Test("what an event consists of")
        func fields() async throws {
            let rig = try await Rig()
            _ = try await rig.streamingRelay()
            let uuid: [UInt8] = Array(0..<16)
            try await rig.insert([
                [
                    "_id": .objectID(BSONObjectID("65f0c0ffee0123456789abcd")!), "aggregatetype": "order",
                    "aggregateid": .binary(uuid, subtype: 4), "type": "Placed", "payload": ["a": 1],
                    "headers": ["tenant": "t1", "n": 3], "occurredAt": .date(1_700_000_000_123), "schemaVersion": 2,
                    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                ],
                ["_id": .int64(77), "type": "Bare", "payload": nil],
                [
                    "_id": ["a": 1, "b": "x"], "type": "Text", "payload": "{\"already\":  \"JSON\"}",
                    "schemaVersion": "v3",
                ],
                ["_id": .bool(true), "type": "Words", "payload": "no JSON", "aggregateid": 1.5],
            ])
            try await rig.waitForRows(4)
            let events = try await rig.events()
            let first = events[0]
            #expect(first.id == "65f0c0ffee0123456789abcd")
            #expect(first.topic == "order" && first.type == "Placed" && first.payload == "{\"a\":1}")
            #expect(first.key == "00010203-0405-0607-0809-0a0b0c0d0e0f")
            #expect(first.headers == "{\"n\": 3, \"tenant\": \"t1\"}")
            #expect(first.occurredAt == "2023-11-14T22:13:20.123")
            #expect(first.schemaVersion == "2")
            #expect(first.traceparent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            #expect(events[1].id == "77" && events[1].key == "77", "a missing key is the event's own id")
            #expect(events[1].topic == "outbox", "a missing topic is the collection's name")
            #expect(events[1].payload == "null" && events[1].headers == "{}")
            #expect(events[1].occurredAt != nil, "the cluster time")
            #expect(events[2].id == "{\"a\":{\"$numberInt\":\"1\"},\"b\":\"x\"}")
            #expect(events[2].payload == "{\"already\":  \"JSON\"}", "JSON passes unchanged")
            #expect(events[2].schemaVersion == "v3")
            #expect(events[3].payload == "\"no JSON\"" && events[3].key == "{\"$numberDouble\":\"1.5\"}")
        }

        @Test("other field names, dotted ones too")
        func mapping() async throws {
            let rig = try await Rig()
            _ = try await rig.streamingRelay([
                "SOURCE_COLLECTIONS": "mail", "SOURCE_FIELD_ID": "meta.id", "SOURCE_FIELD_TOPIC": "meta.to",
                "SOURCE_FIELD_KEY": "meta.who", "SOURCE_FIELD_TYPE": "meta.what", "SOURCE_FIELD_PAYLOAD": "body",
                "SOURCE_SCHEMA_VERSIONS": "1-3,5", "SOURCE_FIELD_SCHEMA_VERSION": "meta.v",
            ])
            func document(_ id: Int, version: BSONValue) -> BSONDocument {
                [
                    "meta": ["id": .integer(id), "to": "t", "who": "w", "what": "x", "v": version],
                    "body": ["n": .integer(id)],
                ]
            }
            try await rig.insert(
                [
                    document(1, version: 1), document(2, version: 4), document(3, version: "3"),
                    document(4, version: nil), document(5, version: 5),
                ], into: "mail")
            try await rig.waitForRows(3)
            try await rig.waitForDeadLetters(2)
            let events = try await rig.events()
            #expect(events.map(\.id) == ["1", "3", "5"])
            #expect(events[0].topic == "t" && events[0].key == "w" && events[0].type == "x")
            let letters = try await rig.deadLetters()
            #expect(letters.map(\.eventID) == ["2", "4"])
            #expect(letters.allSatisfy { $0.code == "schema-version" })
        }

        @Test("SOURCE_JSON", arguments: ["plain", "relaxed", "canonical"])
        func styles(style: String) async throws {
            let rig = try await Rig()
            _ = try await rig.streamingRelay(["SOURCE_JSON": style])
            try await rig.insert([
                outboxDocument(
                    "1", payload: ["i": 1, "l": .int64(1 << 60), "d": 0.5, "t": .date(0)])
            ])
            try await rig.waitForRows(1)
            let expected = [
                "plain": #"{"i":1,"l":1152921504606846976,"d":0.5,"t":"1970-01-01T00:00:00.000Z"}"#,
                "relaxed": #"{"i":1,"l":1152921504606846976,"d":0.5,"t":{"$date":"1970-01-01T00:00:00Z"}}"#,
                "canonical":
                    #"{"i":{"$numberInt":"1"},"l":{"$numberLong":"1152921504606846976"},"d":{"$numberDouble":"0.5"},"t":{"$date":{"$numberLong":"0"}}}"#,
            ]
            #expect(try await rig.events().map(\.payload) == [expected[style]])
        }

        private static let everything: BSONDocument = [
            "double": 0.5, "string": "text", "document": ["a": 1], "array": [1, "two"],
            "binary": .binary([1, 2, 3], subtype: 0), "uuid": .binary(Array(0..<16), subtype: 4),
            "undefined": .other(.undefined, []), "objectID": .objectID(BSONObjectID("65f0c0ffee0123456789abcd")!),
            "bool": true, "date": .date(1_700_000_000_123), "null": nil, "regex": .regex(pattern: "^a", options: "i"),
            "dbPointer": .other(.dbPointer, [3, 0, 0, 0, 0x61, 0x62, 0] + Array(0..<12)),
            "code": .other(.code, [2, 0, 0, 0, 0x78, 0]), "symbol": .other(.symbol, [2, 0, 0, 0, 0x73, 0]),
            "codeWithScope": .other(.codeWithScope, [15, 0, 0, 0, 2, 0, 0, 0, 0x78, 0, 5, 0, 0, 0, 0]),
            "int32": 7, "timestamp": .timestamp(BSONTimestamp(seconds: 5, increment: 6)),
            "int64": .int64(9_007_199_254_740_993),
            "decimal": .decimal128(BSONDecimal128(high: 0x303C_0000_0000_0000, low: 12_950)),
            "minKey": .other(.minKey, []), "maxKey": .other(.maxKey, []), "nan": .double(.nan),
            "unicode": "ä\u{1F600}\u{2028}\"\\\n\0",
        ]

        private static let everythingAsJSON =
            #"{"double":0.5,"string":"text","document":{"a":1},"array":[1,"two"],"binary":"AQID","#
            + #""uuid":"00010203-0405-0607-0809-0a0b0c0d0e0f","undefined":{"$undefined":true},"#
            + #""objectID":"65f0c0ffee0123456789abcd","bool":true,"date":"2023-11-14T22:13:20.123Z","null":null,"#
            + #""regex":{"$regularExpression":{"pattern":"^a","options":"i"}},"#
            + #""dbPointer":{"$dbPointer":{"$ref":"ab","$id":{"$oid":"000102030405060708090a0b"}}},"#
            + #""code":{"$code":"x"},"symbol":"s","codeWithScope":{"$code":"x","$scope":{}},"int32":7,"#
            + #""timestamp":{"t":5,"i":6},"int64":9007199254740993,"decimal":"129.50","#
            + #""minKey":{"$minKey":1},"maxKey":{"$maxKey":1},"nan":"NaN","#
            + "\"unicode\":\"ä\u{1F600}\u{2028}\\\"\\\\\\n\\u0000\"}"
    }
}
