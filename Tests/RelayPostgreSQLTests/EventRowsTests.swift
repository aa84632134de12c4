import Crypto
import RelayCore
import Testing

@testable import RelayPostgreSQL

/// The two binary forms of a batch, read back by a reader of the test's own.
@Suite("Event rows")
struct EventRowsTests {
    /// A batch of events with poison and filtered ones between them.
    private static func batch(_ random: inout SeededGenerator) -> (EventBatch, [(index: Int, event: TestEvent)]) {
        let batch = EventBatch(end: Checkpoint(), capacity: 64)
        var kept: [(Int, TestEvent)] = []
        for index in 0..<Int.random(in: 0...30, using: &random) {
            let event = TestEvent.random(&random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: event.append(to: batch, poison: Poison(.missingField, "none"))
            case 1:
                event.append(to: batch)
                batch.filter(at: index)
            default:
                event.append(to: batch)
                kept.append((index, event))
            }
        }
        return (batch, kept)
    }

    private static func json(_ bytes: [UInt8]?) -> [UInt8]? {
        // Version 1 of jsonb's binary form is its text.
        guard let bytes, bytes.first == 1 else { return nil }
        return Array(bytes.dropFirst())
    }

    private static func slot(_ key: String) -> Int16 { Int16(Array(SHA256.hash(data: Array(key.utf8)))[0]) }

    /// Compares the nine columns behind the slot with what went in.
    private static func compare(
        _ fields: [[UInt8]?], _ event: TestEvent, _ type: NativeQueue.PayloadType, _ seed: UInt64
    ) {
        #expect(fields[0] == Array(event.id.utf8), "seed \(seed)")
        #expect(fields[1] == Array(event.topic.utf8))
        #expect(fields[2] == Array(event.type.utf8))
        #expect(fields[3] == Array(event.key.utf8))
        #expect(json(fields[4]) == Array((event.headers ?? "{}").utf8))
        #expect((type == .jsonb ? json(fields[5]) : fields[5]) == event.payload)
        #expect(fields[6] == event.schemaVersion.map { Array($0.utf8) })
        let time = event.occurredAt == .min ? nil : (event.occurredAt - 946_684_800_000) * 1000
        #expect(BinaryReader.integer(fields[7]) == time)
        #expect((fields[7] == nil) == (time == nil))
        #expect(fields[8] == event.traceparent.map { Array($0.utf8) })
    }

    @Test(
        "a COPY stream holds the events, and nothing else, at dense positions",
        arguments: NativeQueue.PayloadType.allCases)
    func copy(type: NativeQueue.PayloadType) throws {
        let seed = freshSeed("copy stream")
        var random = SeededGenerator(seed: seed)
        let out = ByteArena(capacity: 64)
        for _ in 0..<150 {
            let (batch, kept) = Self.batch(&random)
            let first = Int64.random(in: 1...Int64.max / 2, using: &random)
            out.truncate(to: 0)
            EventRows(stream: 7, firstPosition: first, payloadType: type).writeCopy(batch, to: out)
            var reader = BinaryReader(Array(out.bytes))
            #expect(try reader.take(11) == Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00])
            #expect(try reader.integer(Int32.self) == 0)
            #expect(try reader.integer(Int32.self) == 0)
            for (number, item) in kept.enumerated() {
                #expect(try reader.integer(Int16.self) == 12)
                let fields = try (0..<12).map { _ in try reader.field() }
                #expect(BinaryReader.integer(fields[0]) == Int32(7))
                #expect(BinaryReader.integer(fields[1]) == first + Int64(number))
                #expect(BinaryReader.integer(fields[2]) == Self.slot(item.event.key))
                Self.compare(Array(fields[3...]), item.event, type, seed)
            }
            #expect(try reader.integer(Int16.self) == -1)
            #expect(reader.isAtEnd)
        }
    }

    @Test("the arrays for unnest hold the chosen events, column by column", arguments: NativeQueue.PayloadType.allCases)
    func arrays(type: NativeQueue.PayloadType) throws {
        let seed = freshSeed("unnest arrays")
        var random = SeededGenerator(seed: seed)
        let payloadTypes: [NativeQueue.PayloadType: (UInt32, UInt32)] = [
            .json: (114, 199), .jsonb: (3802, 3807), .bytea: (17, 1001),
        ]
        let payload = try #require(payloadTypes[type])
        // pg_type.dat: element and array of int2, text ×4, jsonb, payload, text, timestamptz, text.
        let types: [(UInt32, UInt32)] =
            [(21, 1005)] + Array(repeating: (25, 1009), count: 4) + [(3802, 3807), payload, (25, 1009), (1184, 1185)]
            + [(25, 1009)]
        for _ in 0..<150 {
            let (batch, kept) = Self.batch(&random)
            let chosen = kept.filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
            let rows = EventRows(stream: 3, firstPosition: 41, payloadType: type)
            let statement = rows.insert(batch, chosen.map(\.index), schema: "\"s\"")
            #expect(statement.sql.contains("INSERT INTO \"s\".events (\(EventRows.columns))"))
            #expect(statement.parameters.count == 12)
            guard case .text("3") = statement.parameters[0], case .text("41") = statement.parameters[1] else {
                Issue.record("stream and first position")
                continue
            }
            var columns: [[[UInt8]?]] = []
            for (parameter, expected) in zip(statement.parameters.dropFirst(2), types) {
                guard case .binary(let arrayType, let bytes) = parameter else {
                    Issue.record("a column is not binary")
                    return
                }
                #expect(arrayType == expected.1)
                var reader = BinaryReader(bytes)
                let (elementType, values) = try reader.array()
                #expect(elementType == expected.0)
                #expect(reader.isAtEnd)
                #expect(values.count == chosen.count)
                columns.append(values)
            }
            for (row, item) in chosen.enumerated() {
                #expect(BinaryReader.integer(columns[0][row]) == Self.slot(item.event.key))
                Self.compare(columns.dropFirst().map { $0[row] }, item.event, type, seed)
            }
        }
    }

    @Test("a time that timestamptz cannot hold is null, never another time")
    func times() throws {
        for time: Int64 in [.max, .min + 1, 9_224_318_016_000_000] {
            let batch = EventBatch(end: Checkpoint())
            TestEvent(occurredAt: time).append(to: batch)
            let statement = EventRows(stream: 1, firstPosition: 1, payloadType: .json).insert(batch, [0], schema: "s")
            guard case .binary(_, let bytes) = statement.parameters[10] else {
                Issue.record("no column of times")
                return
            }
            var reader = BinaryReader(bytes)
            #expect(try reader.array().values == [nil])
        }
    }
}
