import CMongoC
import Testing

@testable import RelayMongoDB

/// Random documents against libbson, an implementation that is not ours.
///
/// Two faults of libbson 1.23 are kept out by ``BSONRandomDocument``: relaxed dates after the year
/// 9999 as text, and decimal coefficients of more than 34 digits printed instead of zero.
@Suite("BSON against libbson")
struct BSONLibbsonTests {
    /// libbson's text of a document.
    static func reference(_ bytes: [UInt8], canonical: Bool) throws -> String {
        let document = try #require(bytes.withUnsafeBufferPointer { bson_new_from_data($0.baseAddress, $0.count) })
        defer { bson_destroy(document) }
        var length = 0
        let text = try #require(
            canonical
                ? bson_as_canonical_extended_json(document, &length)
                : bson_as_relaxed_extended_json(document, &length))
        defer { bson_free(text) }
        return String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
    }

    @Test("Extended JSON equals libbson's for random documents")
    func random() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("BSON against libbson: seed \(seed)")
        var source = BSONRandomDocument(seed: seed)
        for round in 0..<3000 {
            let document = source.document().bytes
            let place = Comment(rawValue: "seed \(seed), round \(round)")
            for style in [JSONStyle.canonical, .relaxed] {
                let ours = tokens(try json(document, style).text)
                let theirs = tokens(try BSONLibbsonTests.reference(document, canonical: style == .canonical))
                try #require(ours == theirs, place)
            }
            let plain = try json(document, .plain)
            let known = try #require(withExactCopy(of: Array(plain.text.utf8)) { JSONText.validate($0) }, place)
            #expect(known.containsNUL == plain.facts.containsNUL, place)
            #expect(known.kind == .object && !known.containsLoneSurrogate, place)
        }
    }

    @Test("what the writer writes, libbson validates")
    func writer() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("BSON writer against libbson: seed \(seed)")
        var source = BSONRandomDocument(seed: seed)
        for round in 0..<1000 {
            let bytes = source.document().bytes
            let document = try #require(bytes.withUnsafeBufferPointer { bson_new_from_data($0.baseAddress, $0.count) })
            defer { bson_destroy(document) }
            #expect(bson_validate(document, BSON_VALIDATE_NONE, nil), "seed \(seed), round \(round)")
            #expect(throws: Never.self, "seed \(seed), round \(round)") { try BSONDocument(bytes) }
        }
    }
}
