import Testing

@testable import RelayCore

/// The memory that all fields of a batch share.
@Suite("Byte arena")
struct ByteArenaTests {
    @Test("what is appended in any way is what is read back, also after growing and truncating")
    func randomWrites() {
        let seed = freshSeed("byte arena")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<60 {
            let arena = ByteArena(capacity: Int.random(in: 0...200, using: &random))
            var expected: [UInt8] = []
            var ranges: [(ByteRange, [UInt8])] = []
            for _ in 0..<120 {
                let bytes = (0..<Int.random(in: 0...90, using: &random)).map { _ in
                    UInt8.random(in: 0...127, using: &random)
                }
                let start = arena.count
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes.withUnsafeBytes { arena.append($0) }
                case 1: for byte in bytes { arena.append(byte) }
                case 2: arena.append(String(decoding: bytes, as: UTF8.self))
                case 3:
                    arena.appendUninitialized(minimum: bytes.count) { target in
                        for (index, byte) in bytes.enumerated() { target[index] = byte }
                        return bytes.count
                    }
                default:
                    let kept = Int.random(in: 0...expected.count, using: &random)
                    arena.truncate(to: kept)
                    expected.removeLast(expected.count - kept)
                    ranges.removeAll { $0.0.end > kept }
                    continue
                }
                expected += bytes
                ranges.append((ByteRange(offset: start, length: arena.count - start), bytes))
                #expect(arena.count == expected.count)
                #expect(arena.capacity >= arena.count)
            }
            #expect(Array(arena.bytes) == expected, "seed \(seed)")
            for (range, bytes) in ranges {
                #expect(Array(arena[range]) == bytes)
                #expect(arena.string(range) == String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    @Test("reserved room is enough, and reserving changes no content")
    func reserving() {
        let arena = ByteArena(capacity: 64)
        arena.append("kept")
        arena.reserve(1000)
        #expect(arena.capacity - arena.count >= 1000)
        #expect(arena.string(ByteRange(offset: 0, length: 4)) == "kept")
        #expect(arena.count == 4)
        let room = arena.capacity
        arena.truncate(to: 0)
        #expect(arena.capacity == room)
        #expect(arena.bytes.isEmpty)
    }

    @Test("a missing value is not an empty one")
    func absence() {
        #expect(!ByteRange.none.isPresent)
        #expect(ByteRange.none.end == 0)
        let empty = ByteRange(offset: 7, length: 0)
        #expect(empty.isPresent)
        #expect(empty.end == 7)
        #expect(empty != .none)
        #expect(ByteRange(offset: 3, length: 4).end == 7)
        // The greatest arena that ranges can point into.
        #expect(ByteRange(offset: Int(UInt32.max) - 1, length: 1).isPresent)
        #expect(!EventRecord().id.isPresent)
    }
}

/// What a pipeline does to a batch after it was filled.
@Suite("Event batch")
struct EventBatchTests {
    @Test("outcomes are counted, reasons stay with their records")
    func outcomes() {
        let batch = EventBatch(end: Checkpoint())
        batch.appendEvent("a")
        batch.appendEvent("b", poison: Poison(.missingField, "one"))
        batch.appendEvent("c")
        batch.appendEvent("d")
        batch.reject(at: 2, Poison(.unstorable, "two"))
        batch.filter(at: 3)
        #expect(batch.count(of: .event) == 1)
        #expect(batch.count(of: .poison) == 2)
        #expect(batch.count(of: .filtered) == 1)
        #expect(batch.poison[Int(batch.records[1].note)].message == "one")
        #expect(batch.poison[Int(batch.records[2].note)].reason == .unstorable)
        batch.truncate(to: batch.records.count - 1)
        #expect(batch.ids == ["a", "b", "c"])
    }

    @Test("a header is added without touching the other fields")
    func headers() {
        let batch = EventBatch(end: Checkpoint(), capacity: 64)
        batch.appendEvent("a")
        batch.appendEvent("b")
        batch.setHeader("x", to: "y", at: 0)
        #expect(batch.arena.string(batch.records[0].headers) == #"{"x":"y"}"#)
        #expect(!batch.records[1].headers.isPresent)
        #expect(batch.ids == ["a", "b"])
    }

    @Test("closing says where it ends; an unknown source time keeps the last one")
    func closing() {
        let batch = EventBatch(end: Checkpoint())
        var end = Checkpoint()
        end.token = "82"
        batch.close(at: end, sourceTime: ClusterTime(seconds: 5, increment: 1), isLevel: true)
        #expect(batch.end == end)
        #expect(batch.isLevel)
        batch.close(at: end, sourceTime: nil, isLevel: false)
        #expect(batch.sourceTime == ClusterTime(seconds: 5, increment: 1))
        #expect(!batch.isLevel)
        #expect(batch.heldBytes >= batch.byteCount)
    }
}
