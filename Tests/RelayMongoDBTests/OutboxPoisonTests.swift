import RelayCore
import Testing

@testable import RelayMongoDB

/// Documents that are no events, alone and among others.
@Suite("Outbox decoder: poison")
struct OutboxPoisonTests {
    @Test("poison keeps the whole document, readable, and what can be told of it")
    func keepsDocument() throws {
        let bench = DecodingBench()
        let document = outboxDocument(["payload": removed, "extra": ["kept": [1, 2]]])
        let event = bench.decode(document)
        let record = bench.batch.records[0]
        #expect(record.outcome == .poison)
        #expect(Array(bench.batch.arena[record.document]) == document.bytes)
        let text = bench.batch.arena.string(record.documentText)
        #expect(try tokens(text) == tokens(json(document, .canonical)))
        #expect(event.id == "6565a0b1c2d3e4f506172839")
        #expect(event.type == "order.created")
        #expect(event.topic == "order")
        #expect(event.key == "o-1")
        #expect(event.payload == nil)
        #expect(event.occurredAt == DecodingBench.fallbackTime)
    }

    @Test("bytes that are no BSON are kept as they are, without a text")
    func damagedBytes() {
        for bytes: [UInt8] in [
            [], [0], [5, 0, 0, 0, 1], [255, 255, 255, 255, 0], Array(outboxDocument().bytes.dropLast()),
        ] {
            let bench = DecodingBench()
            let event = bench.decode(bytes)
            let record = bench.batch.records[0]
            #expect(event.poison?.reason == .invalidDocument)
            #expect(record.document.isPresent)
            #expect(Array(bench.batch.arena[record.document]) == bytes)
            #expect(!record.documentText.isPresent)
        }
    }

    @Test("no reason holds a byte of the document")
    func messages() {
        let secrets: [String: BSONValue] = [
            "occurredAt": "hunter2", "headers": "hunter2", "schemaVersion": ["hunter2"], "type": ["hunter2": 1],
            "aggregatetype": ["hunter2": "hunter2"],
        ]
        for (field, value) in secrets {
            let event = DecodingBench().decode(outboxDocument([field: value]))
            #expect(event.poison != nil)
            #expect(event.poison?.message.contains("hunter2") == false)
        }
    }

    @Test("documents of one batch do not disturb each other, whatever lies between them")
    func neighbours() {
        let seed = freshSeed("outbox neighbours")
        var random = SeededGenerator(seed: seed)
        var documents = BSONRandomDocument(seed: ~seed)
        for _ in 0..<60 {
            let bench = DecodingBench()
            var expected: [(bytes: [UInt8], alone: DecodedEvent)] = []
            for _ in 0..<Int.random(in: 1...25, using: &random) {
                let bytes: [UInt8]
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes = outboxDocument(["payload": .document(documents.document())]).bytes
                case 1: bytes = outboxDocument(["headers": 5, "x": .document(documents.document())]).bytes
                case 2: bytes = documents.document().bytes
                default:
                    bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }
                }
                bench.decode(bytes)
                expected.append((bytes, DecodingBench().decode(bytes)))
            }
            #expect(bench.batch.records.count == expected.count)
            for (record, item) in zip(bench.batch.records, expected) {
                #expect(DecodedEvent(record, in: bench.batch) == item.alone, "seed \(seed)")
                if record.outcome == .poison { #expect(Array(bench.batch.arena[record.document]) == item.bytes) }
            }
        }
    }

    @Test("no bytes crash the decoder, and each makes exactly one record")
    func hostileBytes() {
        let seed = freshSeed("outbox bytes")
        var random = SeededGenerator(seed: seed)
        let mappings = [
            OutboxMapping(),
            OutboxMapping(
                id: "_id.a", topic: "payload.a.0", key: "headers.h", type: "type.", payload: "", style: .canonical,
                schemaVersions: [0...5], keepsBinaryPayload: true),
        ]
        let benches = mappings.map { DecodingBench($0) }
        let end = ContinuousClock.now + .seconds(2)
        var rounds = 0
        while ContinuousClock.now < end, rounds < 20_000 {
            rounds += 1
            var bytes: [UInt8]
            if rounds % 3 == 0 {
                bytes = (0..<Int.random(in: 0...120, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                if bytes.count >= 5, Bool.random(using: &random) {
                    bytes.replaceSubrange(0..<4, with: withUnsafeBytes(of: Int32(bytes.count).littleEndian, Array.init))
                    bytes[bytes.count - 1] = 0
                }
            } else {
                bytes = outboxDocument().bytes
                for _ in 0...Int.random(in: 0...4, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                if Int.random(in: 0..<4, using: &random) == 0 {
                    bytes.removeLast(Int.random(in: 0...40, using: &random))
                }
            }
            for bench in benches {
                let before = bench.batch.records.count
                let event = bench.decode(bytes)
                #expect(bench.batch.records.count == before + 1)
                if event.poison == nil {
                    let record = bench.batch.records[before]
                    #expect(record.id.length > 0 && record.type.length > 0 && record.payload.isPresent, "seed \(seed)")
                    for text in [event.id, event.type, event.topic, event.key] { #expect(text != nil) }
                }
            }
        }
        #expect(rounds > 100)
    }
}
