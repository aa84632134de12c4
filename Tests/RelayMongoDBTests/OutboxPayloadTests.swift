import RelayCore
import Testing

@testable import RelayMongoDB

/// What a payload becomes.
@Suite("Outbox decoder: payloads")
struct OutboxPayloadTests {
    private func decode(_ payload: BSONValue, _ mapping: OutboxMapping = OutboxMapping()) -> (DecodedEvent, EventRecord)
    {
        let bench = DecodingBench(mapping)
        let event = bench.decode(outboxDocument(["payload": payload]))
        return (event, bench.batch.records[0])
    }

    @Test(
        "any value is JSON",
        arguments: [
            (["b": 1, "a": [true, nil]], #"{"b":1,"a":[true,null]}"#), ([], "[]"), ([:], "{}"), (.null, "null"),
            (5, "5"), (.bool(false), "false"), (.date(0), #""1970-01-01T00:00:00.000Z""#),
            (.binary([1, 2, 3], subtype: 0), #""AQID""#),
        ] as [(BSONValue, String)])
    func values(value: BSONValue, json: String) {
        let (event, _) = decode(value)
        #expect(event.poison == nil)
        #expect(event.payload == json)
    }

    @Test(
        "a string that is JSON already passes unchanged, byte by byte",
        arguments: [#"{"b" : 1, "a":1.0e5}"#, " [1 ,2]\n", "5", "null", "true", #""text""#, #"{"a":1,"a":2}"#])
    func jsonStrings(text: String) {
        let (event, _) = decode(.string(text))
        #expect(event.payload == text)
        #expect(event.poison == nil)
    }

    @Test(
        "any other string becomes a JSON string",
        arguments: [
            ("plain", #""plain""#), ("", #""""#), ("{", #""{""#), ("{a:1}", #""{a:1}""#), ("'x'", #""'x'""#),
            ("a\"b\\\n", #""a\"b\\\n""#), ("01", #""01""#), ("NaN", #""NaN""#), ("é", #""é""#),
        ])
    func otherStrings(text: String, json: String) {
        let (event, _) = decode(.string(text))
        #expect(event.payload == json)
        #expect(Array(json.utf8).withUnsafeBytes { JSONText.validate($0) }?.kind == .string)
    }

    @Test("bytes are kept as they are only where that was asked for")
    func binary() {
        let kept = OutboxMapping(keepsBinaryPayload: true)
        let bench = DecodingBench(kept)
        bench.decode(outboxDocument(["payload": .binary([0, 255, 10], subtype: 0)]))
        #expect(Array(bench.batch.arena[bench.batch.records[0].payload]) == [0, 255, 10])
        bench.decode(outboxDocument(["payload": .binary([], subtype: 0)]))
        #expect(bench.batch.records[1].payload.isPresent)
        #expect(bench.batch.records[1].payload.length == 0)
        #expect(decode(["a": 1], kept).0.payload == #"{"a":1}"#)
        #expect(decode("text", kept).0.payload == #""text""#)
        #expect(decode(.binary([0, 255, 10], subtype: 0)).0.payload == #""AP8K""#)
    }

    @Test("what jsonb refuses is noted, and nothing else")
    func jsonb() {
        for text in [#"{"a":"\u0000"}"#, #""\ud800""#, "1e200000"] {
            let (event, record) = decode(.string(text))
            #expect(event.poison == nil)
            #expect(record.payloadRefusedByJSONB)
        }
        #expect(decode(["a": "x\0y"]).1.payloadRefusedByJSONB)
        #expect(decode("not JSON, with \0").1.payloadRefusedByJSONB)
        for value: BSONValue in [["a": "\\u0000"], .string(#""\ud83d\ude00""#), .double(.infinity), "text"] {
            #expect(!decode(value).1.payloadRefusedByJSONB)
        }
    }

    @Test("payload and headers follow the chosen style")
    func styles() {
        let canonical = OutboxMapping(style: .canonical)
        #expect(decode(["a": 1], canonical).0.payload == #"{"a":{"$numberInt":"1"}}"#)
        #expect(decode(["a": .int64(1)], OutboxMapping(style: .relaxed)).0.payload == #"{"a":1}"#)
        let bench = DecodingBench(canonical)
        #expect(bench.decode(outboxDocument(["headers": ["n": 1]])).headers == #"{"n":{"$numberInt":"1"}}"#)
    }

    @Test("headers keep their structure")
    func headers() {
        let bench = DecodingBench()
        #expect(bench.decode(outboxDocument(["headers": [:]])).headers == "{}")
        #expect(
            bench.decode(outboxDocument(["headers": ["a": ["b": [1, "x"]], "": ""]])).headers
                == #"{"a":{"b":[1,"x"]},"":""}"#)
    }
}
