import Foundation
import RelayCore
import Testing

@testable import RelayMongoDB

/// Positions and sizes: resume tokens, backlog cursors, how much to ask for.
@Suite("Outbox positions")
struct OutboxPositionTests {
    @Test("a resume token tells its cluster time, whatever follows it")
    func resumeToken() {
        let seed = freshSeed("resume tokens")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let time = ClusterTime(
                seconds: .random(in: 0 ... .max, using: &random), increment: .random(in: 0 ... .max, using: &random))
            let head = String(format: "82%08X%08X", time.seconds, time.increment)
            #expect(ResumeToken.clusterTime(of: head) == time)
            #expect(ResumeToken.clusterTime(of: head + "2B022C0100296E5A1004") == time)
            #expect(ResumeToken.clusterTime(of: head.lowercased() + "00") == time)
        }
    }

    @Test(
        "text that is no resume token has no time",
        arguments: [
            "", "82", "8265A0B1C20000000", "8165A0B1C200000001", "82 5A0B1C200000001", "82G5A0B1C200000001",
            "82+5A0B1C200000001", "82-5A0B1C200000001", "82é5A0B1C20000001", "82ééééééééé",
        ])
    func noToken(text: String) {
        #expect(ResumeToken.clusterTime(of: text) == nil)
    }

    @Test("hexadecimal digits read back as the bytes they were; anything else does not")
    func hexadecimal() {
        let seed = freshSeed("hexadecimal")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let text = Hexadecimal.encode(bytes)
            #expect(text == bytes.map { String(format: "%02x", $0) }.joined())
            #expect(Hexadecimal.decode(text) == bytes)
            #expect(Hexadecimal.decode(text.uppercased()) == bytes)
        }
        for text in ["0", "0g", "g0", " 0", "é", "00é", "٠٠"] { #expect(Hexadecimal.decode(text) == nil) }
    }

    @Test("a cursor holds the sort key of a document, and the next command begins there")
    func backlogKey() throws {
        var documents = BSONRandomDocument(seed: freshSeed("backlog keys"))
        let ids: [BSONValue] = [
            1, .int64(1), .double(1.5), "text", .null, .objectID(BSONObjectID("6565a0b1c2d3e4f506172839")!), ["a": 1],
            .binary([1, 2], subtype: 0), .date(5), .bool(true),
        ]
        for id in ids {
            for sequence: BSONValue? in [removed, 7, .int64(7), .null] {
                var document = documents.document()
                guard document["_id"] == nil, document["meta"] == nil else { continue }
                document = document.appending("_id", id)
                if let sequence { document = document.appending("meta", ["version": sequence]) }
                let plain = BacklogOrder(sequence: nil)
                let byID = try #require(document.withView { plain.key(of: $0) })
                #expect(try BSONDocument(#require(Hexadecimal.decode(byID))) == ["_id": id])
                #expect(plain.find(in: "c", behind: byID)["min"] == ["_id": id])
                let ordered = BacklogOrder(sequence: "meta.version")
                let bySequence = try #require(document.withView { ordered.key(of: $0) })
                let key = try BSONDocument(#require(Hexadecimal.decode(bySequence)))
                #expect(key["_id"] == id)
                #expect(key["sequence"] == sequence)
                let command = ordered.find(in: "c", behind: bySequence)
                // Values go in as literals: a string that begins with a dollar must not become a path.
                let filter = try #require(command["filter"])
                #expect(
                    Hexadecimal.encode(BSONDocument([("f", filter)]).bytes).contains(
                        Hexadecimal.encode("$literal".utf8)))
                #expect(command["min"] == nil)
            }
        }
    }

    @Test("commands before the first document have no bound, and each asks for its order")
    func backlogCommands() {
        let plain = BacklogOrder(sequence: nil).find(in: "outbox", behind: nil)
        #expect(plain["find"] == "outbox")
        #expect(plain["sort"] == ["_id": 1])
        #expect(plain["hint"] == ["_id": 1])
        #expect(plain["min"] == nil)
        let ordered = BacklogOrder(sequence: "v").find(in: "outbox", behind: nil)
        #expect(ordered["sort"]?.document?.fields.map(\.key) == ["v", "_id"])
        #expect(ordered["filter"] == nil)
        // A cursor that cannot be read is none, not a crash.
        #expect(BacklogOrder(sequence: nil).find(in: "outbox", behind: "zz")["min"] == nil)
        #expect(BacklogOrder(sequence: nil).isAtOrBefore("00", in: "fullDocument") == nil)
        let empty = BSONDocument()
        #expect(empty.withView { BacklogOrder(sequence: nil).key(of: $0) } == nil)
    }

    @Test("a document's time is its ObjectId's, or unknown")
    func backlogTime() {
        func time(_ id: BSONValue) -> Int64 {
            BSONDocument([("_id", id)]).withView { BacklogOrder(sequence: nil).time(of: $0) }
        }
        #expect(time(.objectID(BSONObjectID("00000001ffffffffffffffff")!)) == 1000)
        #expect(time(.objectID(BSONObjectID("ffffffff0000000000000000")!)) == 4_294_967_295_000)
        #expect(time("text") == .min)
        #expect(time(5) == .min)
    }

    @Test("replies are kept near their size: large documents count at once, small ones gradually")
    func replySizer() {
        let seed = freshSeed("reply sizes")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            let target = Int.random(in: 1...8_000_000, using: &random)
            var sizer = ReplySizer(target: target)
            for _ in 0..<30 {
                let size = Int.random(in: 1...20_000_000, using: &random) >> Int.random(in: 0...20, using: &random) + 1
                let documents = Int.random(in: 1...5000, using: &random)
                let before = sizer.batchSize
                sizer.note(bytes: size * documents, documents: documents)
                #expect((1...5000).contains(sizer.batchSize), "seed \(seed)")
                // The next reply of such documents is not over the target, unless a single one is.
                #expect(sizer.batchSize == 1 || sizer.batchSize * size <= target, "seed \(seed)")
                #expect(sizer.batchSize <= max(before * 2, 2), "grew at once from \(before) to \(sizer.batchSize)")
                let now = sizer.batchSize
                sizer.note(bytes: 500, documents: 0)
                #expect(sizer.batchSize == now)
            }
        }
        // In the end small documents are read in large numbers again.
        var sizer = ReplySizer(target: 1 << 20)
        sizer.note(bytes: 16 << 20, documents: 1)
        #expect(sizer.batchSize == 1)
        for _ in 0..<60 { sizer.note(bytes: 100 * sizer.batchSize, documents: sizer.batchSize) }
        #expect(sizer.batchSize == 5000)
    }

    @Test("what a failure of MongoDB means: which are waited out, which halt")
    func failures() {
        func code(_ number: Int, fromServer: Bool = true) -> RelayError {
            MongoFailure(code: number, isFromServer: fromServer, message: "m").described(
                doing: "reading", needing: "role")
        }
        #expect(code(286).code == .historyLost)
        #expect(!code(286).isRetriable)
        #expect(code(10334).code == .oversized)
        #expect(!code(10334).isRetriable)
        for (number, kind) in [
            (13, RelayError.Code.unauthorized), (18, .unauthorized), (40573, .unsupported), (11602, .refused),
        ] {
            #expect(code(number).code == kind)
            #expect(code(number).isRetriable)
        }
        #expect(code(13).message.contains("role"))
        // The driver's own codes share the numbers.
        #expect(code(286, fromServer: false).code == .unavailable)
        #expect(code(286, fromServer: false).isRetriable)
        for number in [260, 280] {
            #expect(MongoFailure(code: number, isFromServer: true, message: "").isUnresumable)
            #expect(!MongoFailure(code: number, isFromServer: false, message: "").isUnresumable)
        }
        #expect(MongoFailure(code: 239, isFromServer: true, message: "").isSnapshotGone)
        #expect(MongoFailure(code: 246, isFromServer: true, message: "").isSnapshotGone)
        #expect(!MongoFailure(code: 286, isFromServer: true, message: "").isSnapshotGone)
    }
}
