import RelayCore
import Testing

@testable import RelayMongoDB

/// Bytes that are not BSON: refused, never read beyond, never a crash.
@Suite("Damaged BSON")
struct BSONDamageTests {
    /// Reads `bytes` in every way there is; damage is fine, a crash is not.
    static func readEverything(_ bytes: [UInt8]) {
        withExactCopy(of: bytes) { buffer in
            let arena = ByteArena(capacity: 64)
            guard let view = try? BSONView(prefixOf: buffer) else { return }
            let isSound = (try? view.validate()) != nil
            for style in JSONStyle.allCases {
                arena.truncate(to: 0)
                let isEncoded = (try? BSONJSON.append(view, style: style, to: arena)) != nil
                #expect(isEncoded == isSound)
                if isEncoded { #expect(JSONText.validate(arena.bytes) != nil) } else { #expect(arena.count == 0) }
            }
            let matcher = BSONFieldMatcher(["_id", "a", "a.b", "a.0", ""])
            try? matcher.match(view, into: BSONFieldValues(for: matcher))
            var elements = view.elements
            while let element = try? elements.next() {
                _ = BSONValue(element.value)
                _ = element.name
                _ = try? BSONIdentifier.append(element.value, to: arena)
            }
        }
    }

    @Test("flipped bytes and cut ends")
    func mutations() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("damaged BSON: seed \(seed)")
        var source = BSONRandomDocument(seed: seed)
        var random = SeededGenerator(seed: ~seed)
        for _ in 0..<4000 {
            var bytes = source.document().bytes
            for _ in 0...Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] =
                    Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : [0, 1, 4, 5, 0x7F, 0xFF].randomElement(using: &random)!
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
            }
            BSONDamageTests.readEverything(bytes)
        }
    }

    @Test("every cut of a document is refused")
    func cuts() throws {
        var source = BSONRandomDocument(seed: 7)
        let bytes = (0..<5).map { _ in source.document().bytes }.max { $0.count < $1.count }!
        for length in 0..<bytes.count {
            #expect(throws: BSONError.self) { try withExactCopy(of: Array(bytes[..<length])) { try BSONView($0) } }
        }
    }

    /// `levels` documents or arrays in one another.
    static func nested(_ levels: Int, arrays: Bool) -> BSONDocument {
        var writer = BSONWriter()
        for level in 1..<levels {
            let key: String? = level == 1 || !arrays ? "a" : nil
            if arrays { writer.beginArray(key) } else { writer.beginDocument(key) }
        }
        return writer.finish()
    }

    @Test("256 levels are read on a small stack, 257 refused", arguments: [false, true])
    func depth(arrays: Bool) throws {
        let deepest = BSONDamageTests.nested(256, arrays: arrays)
        let tooDeep = BSONDamageTests.nested(257, arrays: arrays)
        let facts = try json(deepest.bytes, .plain).facts
        #expect(facts.maximumDepth == 256)
        #expect(throws: Never.self) { try BSONDocument(deepest.bytes) }
        for style in JSONStyle.allCases {
            #expect { try json(tooDeep.bytes, style) } throws: { ($0 as? BSONError)?.code == .tooDeep }
        }
        #expect { try BSONDocument(tooDeep.bytes) } throws: { ($0 as? BSONError)?.code == .tooDeep }
        // The relay's threads have at least 512 KiB; a debug build's frames are several times larger.
        #if DEBUG
        let stack = 4 << 20
        #else
        let stack = 128 << 10
        #endif
        let survived = try onSmallStack(bytes: stack) {
            (try? json(deepest.bytes, .canonical)) != nil && (try? BSONDocument(deepest.bytes)) != nil
        }
        #expect(survived)
    }

    @Test("hundreds of thousands of levels do not reach the stack's end")
    func hostileDepth() {
        // Built from the inside out: a document of one array of one array of …
        let levels = 200_000
        var bytes: [UInt8] = []
        for level in 0..<levels {
            let length = Int32(8 * (levels - level) + 5)
            bytes += withUnsafeBytes(of: length.littleEndian, Array.init) + [4, 0x30, 0]
        }
        bytes += [5, 0, 0, 0, 0] + [UInt8](repeating: 0, count: levels)
        BSONDamageTests.readEverything(bytes)
    }

    @Test("errors name code and offset, never content")
    func errors() throws {
        var bytes = (["name": "secret"] as BSONDocument).bytes
        bytes[bytes.count - 4] = 0xFF
        #expect { try json(bytes, .plain) } throws: { error in
            guard let error = error as? BSONError else { return false }
            return error == BSONError(.invalidUTF8, offset: bytes.count - 4) && !"\(error)".contains("secret")
        }
    }
}
