import Foundation
import Testing

@testable import RelayCore

/// The small values that are stored or hashed: once released they must never change.
@Suite("Values")
struct ValueTests {
    @Test(
        "a key's slot is the first byte of its SHA-256",
        arguments: [
            // FIPS 180-2 and NIST's example vectors.
            ("", 0xe3), ("abc", 0xba), ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 0x24),
            (String(repeating: "a", count: 1_000_000), 0xcd), ("hello", 0x2c),
        ] as [(String, Int16)])
    func keySlot(key: String, slot: Int16) {
        #expect(Array(key.utf8).withUnsafeBytes { KeySlot.slot(of: $0) } == slot)
    }

    @Test("slots lie in 0 to 255 and spread")
    func slotRange() {
        let slots = Set((0..<4000).map { number in Array("\(number)".utf8).withUnsafeBytes { KeySlot.slot(of: $0) } })
        #expect(slots.min()! >= 0)
        #expect(slots.max()! <= 255)
        #expect(slots.count == 256)
    }

    @Test("cluster times order by seconds, then by increment; the next is the smallest above")
    func clusterTime() {
        let seed = freshSeed("cluster time")
        var random = SeededGenerator(seed: seed)
        func bits(_ time: ClusterTime) -> UInt64 { UInt64(time.seconds) << 32 | UInt64(time.increment) }
        let edges: [UInt32] = [0, 1, 2, 0x7FFF_FFFF, 0x8000_0000, .max - 1, .max]
        for _ in 0..<5000 {
            func part() -> UInt32 {
                Bool.random(using: &random)
                    ? edges.randomElement(using: &random)! : UInt32.random(in: 0 ... .max, using: &random)
            }
            let (a, b) = (
                ClusterTime(seconds: part(), increment: part()), ClusterTime(seconds: part(), increment: part())
            )
            #expect((a < b) == (bits(a) < bits(b)))
            #expect((a == b) == (bits(a) == bits(b)))
            if bits(a) != .max { #expect(bits(a.next) == bits(a) + 1, "seed \(seed)") }
        }
        #expect(ClusterTime(seconds: 7, increment: 3).description == "7.3")
    }

    @Test("a checkpoint survives being written as JSON, whatever is set in it")
    func checkpoint() throws {
        let seed = freshSeed("checkpoint")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            var point = Checkpoint()
            func text() -> String { String((0..<6).map { _ in "ab\"\\é😀\n".randomElement(using: &random)! }) }
            func time() -> ClusterTime {
                ClusterTime(
                    seconds: .random(in: 0 ... .max, using: &random), increment: .random(in: 0 ... .max, using: &random)
                )
            }
            if Bool.random(using: &random) { point.token = text() }
            point.ordinal = Int.random(in: 0 ... .max, using: &random)
            if Bool.random(using: &random) { point.clusterTime = time() }
            if Bool.random(using: &random) {
                var backlog = BacklogPosition(snapshot: time())
                if Bool.random(using: &random) { backlog.cursor = text() }
                if Bool.random(using: &random) { backlog.catchingUpTo = time() }
                point.backlog = backlog
            }
            if Bool.random(using: &random) { point.options = ["a": text(), text(): ""] }
            if Bool.random(using: &random) { point.cluster = text() }
            if Bool.random(using: &random) { point.collections = [text(): text()] }
            point.invalidated = Bool.random(using: &random)
            let json = try JSONEncoder().encode(point)
            #expect(try JSONDecoder().decode(Checkpoint.self, from: json) == point, "seed \(seed)")
        }
    }

    @Test("what this version stores reads like this; fields of later versions are passed over")
    func storedForm() throws {
        let stored = """
            {"format":1,"token":"8265","ordinal":2,"clusterTime":{"t":7,"i":1},"options":{"collection":"outbox"},
            "backlog":{"snapshot":{"t":6,"i":9},"cursor":"05"},"collections":{},"invalidated":true,"later":[1]}
            """
        let point = try JSONDecoder().decode(Checkpoint.self, from: Data(stored.utf8))
        #expect(point.format == 1)
        #expect(point.token == "8265")
        #expect(point.ordinal == 2)
        #expect(point.clusterTime == ClusterTime(seconds: 7, increment: 1))
        #expect(point.options == ["collection": "outbox"])
        #expect(point.backlog?.snapshot == ClusterTime(seconds: 6, increment: 9))
        #expect(point.backlog?.cursor == "05")
        #expect(point.backlog?.catchingUpTo == nil)
        #expect(point.cluster == nil)
        #expect(point.invalidated)
    }

    @Test("an error keeps its kind when wrapped; a stranger becomes an internal fault that is tried again")
    func wrapping() {
        struct Stranger: Error {}
        let known = RelayError(.historyLost, "gone")
        #expect(RelayError.wrapping(known).code == .historyLost)
        #expect(!RelayError.wrapping(known).isRetriable)
        #expect(RelayError.wrapping(Stranger()).code == .internalFault)
        #expect(RelayError.wrapping(Stranger()).isRetriable)
    }
}
