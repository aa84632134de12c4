import Testing

@testable import RelayMongoDB

/// Writing, reading back, and looking up.
@Suite("BSON documents")
struct BSONDocumentTests {
    @Test("literals keep order and types")
    func literals() throws {
        let token: BSONDocument = ["_data": "826F"]
        let command: BSONDocument = [
            "aggregate": "outbox", "pipeline": [["$changeStream": ["resumeAfter": .raw(token)]]],
            "cursor": ["batchSize": 2000], "big": 5_000_000_000, "ratio": 0.5, "on": true, "none": nil,
        ]
        #expect(
            try json(command, .canonical) == """
                {"aggregate":"outbox","pipeline":[{"$changeStream":{"resumeAfter":{"_data":"826F"}}}],\
                "cursor":{"batchSize":{"$numberInt":"2000"}},"big":{"$numberLong":"5000000000"},\
                "ratio":{"$numberDouble":"0.5"},"on":true,"none":null}
                """)
        #expect(command["cursor"]?.document?["batchSize"]?.int64 == 2000)
        #expect(command["pipeline"]?.array?.count == 1)
        #expect(command[path: "pipeline.0.$changeStream.resumeAfter"]?.document == token)
        #expect(command["none"]?.isNull == true && command["absent"] == nil)
        #expect(command.fields.map(\.key) == ["aggregate", "pipeline", "cursor", "big", "ratio", "on", "none"])
        #expect(BSONDocument(command.fields.map { ($0.key, $0.value) }) == command)
        #expect(command.appending("last", 1)["last"]?.int == 1)
        #expect(!"\(command)".contains("outbox"))
    }

    @Test("values of every type survive a round trip")
    func roundTrip() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("BSON round trip: seed \(seed)")
        var source = BSONRandomDocument(seed: seed)
        for _ in 0..<500 {
            let document = source.document()
            #expect(BSONDocument(document.fields.map { ($0.key, $0.value) }).bytes == document.bytes, "seed \(seed)")
        }
    }

    @Test("typed accessors answer for their type only")
    func accessors() throws {
        let id = try #require(BSONObjectID("0123456789abcdefABCDEF00"))
        let document: BSONDocument = [
            "id": .objectID(id), "at": .date(-1), "ts": .timestamp(BSONTimestamp(seconds: 4_000_000_000, increment: 7)),
            "n": 7, "d": 7.0, "half": 0.5, "bin": .binary([1, 2, 3], subtype: 2),
            "uuid": .binary(Array(0..<16), subtype: 4),
        ]
        document.withView { view in
            func value(_ key: String) -> BSONRawValue? { try? view.value(key) }
            #expect(value("id")?.objectID == id)
            #expect(value("id")?.date == nil)
            #expect(value("at")?.date == -1)
            #expect(value("ts")?.timestamp?.description == "4000000000.7")
            #expect(value("n")?.int32 == 7)
            #expect(value("n")?.integral == 7)
            #expect(value("d")?.integral == 7)
            #expect(value("half")?.integral == nil)
            #expect(value("bin")?.binary.map { Array($0.bytes) } == [1, 2, 3])
            #expect(value("bin")?.binary(0) == nil)
        }
        #expect(id.description == "0123456789abcdefabcdef00")
        #expect(BSONObjectID(id.bytes) == id)
        #expect(BSONObjectID("0123456789abcdefABCDEF0") == nil && BSONObjectID("0123456789abcdefABCDEF0g") == nil)
        #expect(document["uuid"]?.uuid == Array(0..<16))
        #expect(document["bin"]?.uuid == nil)
    }

    @Test("the matcher finds names and paths in one pass")
    func matcher() throws {
        let matcher = BSONFieldMatcher(["_id", "aggregatetype", "aggregateid", "payload", "meta.trace.0", "", "absent"])
        let values = BSONFieldValues(for: matcher)
        let document: BSONDocument = [
            "aggregateid": "first", "aggregatetypf": "no", "aggregatetype": "order", "": 5, "aggregateid": "second",
            "meta": ["trace": ["x", "y"]], "_id": 1, "payloa": 1, "payload": ["a": 1],
        ]
        try document.withView { try matcher.match($0, into: values) }
        #expect(values[0]?.int32 == 1)
        #expect(values[1]?.string == "order")
        #expect(values[2]?.string == "first")
        #expect(values[3]?.document != nil)
        #expect(values[6] == nil)
        try document.withView {
            try matcher.match($0, into: values)
            #expect(values[4]?.string == "x")
            #expect(values[5]?.int32 == 5)
        }
        // A document without them leaves nothing of the last one behind.
        try (["x": 1] as BSONDocument).withView { view in
            try matcher.match(view, into: values)
            #expect((0..<7).allSatisfy { values[$0] == nil })
        }
    }

    @Test("the matcher and the plain lookup agree on random documents")
    func matcherAgrees() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("BSON matcher: seed \(seed)")
        var source = BSONRandomDocument(seed: seed)
        for _ in 0..<500 {
            let document = source.document()
            let matcher = BSONFieldMatcher(document.fields.map(\.key).filter { !$0.contains(".") })
            let values = BSONFieldValues(for: matcher)
            try withExactCopy(of: document.bytes) { buffer in
                let view = try BSONView(buffer)
                try matcher.match(view, into: values)
                for (index, field) in matcher.fields.enumerated() {
                    let found = try view.value(field)
                    #expect(found?.start == values[index]?.start, "seed \(seed)")
                }
            }
        }
    }

    @Test("the matcher finds damage behind the last wanted field")
    func matcherDamage() {
        var bytes = (["_id": 1, "flag": true] as BSONDocument).bytes
        bytes[bytes.count - 2] = 9
        let matcher = BSONFieldMatcher(["_id"])
        #expect(throws: BSONError.self) {
            try withExactCopy(of: bytes) { try matcher.match(BSONView($0), into: BSONFieldValues(for: matcher)) }
        }
    }
}
