import RelayCore
import Testing

@testable import RelayPostgreSQL

/// What PostgreSQL would refuse is found before it does.
@Suite("Storability")
struct StorabilityTests {
    private func problem(
        _ type: NativeQueue.PayloadType = .json, _ change: (inout TestEvent) -> Void = { _ in }
    ) -> Poison? {
        var event = TestEvent()
        change(&event)
        let batch = EventBatch(end: Checkpoint())
        let record = event.append(to: batch)
        return Storability.problem(of: record, in: batch.arena, payloadType: type)
    }

    @Test("an ordinary event can be stored, an empty one as well", arguments: NativeQueue.PayloadType.allCases)
    func fine(type: NativeQueue.PayloadType) {
        #expect(problem(type) == nil)
        #expect(problem(type) { $0 = TestEvent(id: "", topic: "", type: "", key: "", payload: []) } == nil)
        #expect(
            problem(type) {
                $0.schemaVersion = "1"
                $0.traceparent = "00-"
            } == nil)
    }

    @Test("NUL is found in every text, wherever it stands, and the text is not told")
    func nul() throws {
        let fields: [(String, WritableKeyPath<TestEvent, String>)] = [
            ("id", \.id), ("topic", \.topic), ("type", \.type), ("key", \.key),
        ]
        for (name, field) in fields {
            for text in ["\0", "\0secret", "secret\0", "sec\0ret"] {
                let found = try #require(problem { $0[keyPath: field] = text })
                #expect(found.reason == .unstorable)
                #expect(found.message.contains(name))
                #expect(!found.message.contains("sec"))
            }
        }
        #expect(problem { $0.schemaVersion = "\0" }?.message.contains("schema version") == true)
        #expect(problem { $0.traceparent = "a\0" }?.message.contains("trace") == true)
        // A payload of json or bytea may hold the byte, or its escape.
        #expect(problem(.bytea) { $0.payload = [0] } == nil)
    }

    @Test("what jsonb refuses is refused for jsonb only")
    func jsonb() {
        for type in NativeQueue.PayloadType.allCases {
            let batch = EventBatch(end: Checkpoint())
            var record = TestEvent().append(to: batch)
            record.payloadRefusedByJSONB = true
            let found = Storability.problem(of: record, in: batch.arena, payloadType: type)
            #expect((found?.reason == .unstorable) == (type == .jsonb))
            #expect((found == nil) == (type != .jsonb))
        }
    }

    @Test("times are checked against the type's bounds, an unknown time is none")
    func times() {
        let earliest: Int64 = -210_866_803_200_000
        let latest: Int64 = 9_224_318_015_999_999
        #expect(problem { $0.occurredAt = .min } == nil)
        #expect(problem { $0.occurredAt = earliest } == nil)
        #expect(problem { $0.occurredAt = earliest - 1 }?.reason == .unstorable)
        #expect(problem { $0.occurredAt = latest } == nil)
        #expect(problem { $0.occurredAt = latest + 1 }?.reason == .unstorable)
        #expect(problem { $0.occurredAt = .max }?.reason == .unstorable)
    }

    @Test("a payload above PostgreSQL's limit is too large")
    func size() {
        var record = EventRecord()
        for field in [\EventRecord.id, \.topic, \.type, \.key] {
            record[keyPath: field] = ByteRange(offset: 0, length: 0)
        }
        let arena = ByteArena()
        record.payload = ByteRange(offset: 0, length: 1_000_000_000)
        #expect(Storability.problem(of: record, in: arena, payloadType: .json) == nil)
        record.payload = ByteRange(offset: 0, length: 1_000_000_001)
        #expect(Storability.problem(of: record, in: arena, payloadType: .json)?.reason == .tooLarge)
    }

    @Test("only the events of a batch that cannot be stored are rejected, each with its reason")
    func checking() {
        let batch = EventBatch(end: Checkpoint())
        TestEvent(id: "a").append(to: batch)
        TestEvent(id: "b\0").append(to: batch)
        TestEvent(id: "c\0").append(to: batch, poison: Poison(.missingField, "already"))
        TestEvent(id: "d\0").append(to: batch)
        batch.filter(at: 3)
        TestEvent(id: "e", key: "\0").append(to: batch)
        Storability.check(batch, payloadType: .json)
        #expect(batch.records.map(\.outcome) == [.event, .poison, .poison, .filtered, .poison])
        #expect(batch.poison[Int(batch.records[1].note)].message.contains("id"))
        #expect(batch.poison[Int(batch.records[2].note)].message == "already")
        #expect(batch.poison[Int(batch.records[4].note)].message.contains("key"))
        Storability.check(batch, payloadType: .json)
        #expect(batch.poison.count == 3)
    }

    @Test(
        "timestamptz counts microseconds from 2000 and holds 4713 BC to AD 294276",
        arguments: [
            // Milliseconds since 1970, and what `SELECT …::timestamptz` sends.
            (0, -946_684_800_000_000), (946_684_800_000, 0), (946_684_800_001, 1000), (946_684_799_999, -1000),
            (-210_866_803_200_000, -211_813_488_000_000_000), (-210_866_803_200_001, nil),
            (9_224_318_015_999_999, 9_223_371_331_199_999_000), (9_224_318_016_000_000, nil), (.max, nil), (.min, nil),
        ] as [(Int64, Int64?)])
    func timestamps(milliseconds: Int64, microseconds: Int64?) {
        #expect(PGTimestamp.microseconds(milliseconds) == microseconds)
    }
}
