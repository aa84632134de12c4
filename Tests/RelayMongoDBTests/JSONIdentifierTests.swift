import RelayCore
import Testing

@testable import RelayMongoDB

/// The text of ids.
@Suite("Identifier text")
struct JSONIdentifierTests {
    @Test(
        "every type has one text",
        arguments: [
            (.objectID(BSONObjectID("65f0c0ffee0123456789abcd")!), "65f0c0ffee0123456789abcd"),
            (.string("a\"b é"), "a\"b é"),
            (
                .binary(bytes(hex: "00112233445566778899aabbccddeeff"), subtype: 4),
                "00112233-4455-6677-8899-aabbccddeeff"
            ),
            (.binary([1], subtype: 4), #"{"$binary":{"base64":"AQ==","subType":"04"}}"#), (.int32(-5), "-5"),
            (.int64(.min), "-9223372036854775808"), (.double(1), #"{"$numberDouble":"1.0"}"#),
            (.date(0), #"{"$date":{"$numberLong":"0"}}"#), (.bool(true), "true"),
            (["a": 1], #"{"a":{"$numberInt":"1"}}"#),
            ([1, "x"], #"[{"$numberInt":"1"},"x"]"#),
            (.decimal128(BSONDecimal128(high: 0x3040_0000_0000_0000, low: 5)), #"{"$numberDecimal":"5"}"#), ("", ""),
        ] as [(BSONValue, String)])
    func text(value: BSONValue, expected: String) throws {
        let arena = ByteArena()
        let containsNUL = try (["v": value] as BSONDocument).withView {
            try BSONIdentifier.append($0.value("v")!, to: arena)
        }
        #expect(String(decoding: arena.bytes, as: UTF8.self) == expected)
        #expect(!containsNUL)
    }

    @Test("NUL is told, broken text refused")
    func careful() throws {
        let arena = ByteArena()
        try (["v": "a\0b", "w": .other(.string, [2, 0, 0, 0, 0xFF, 0])] as BSONDocument).withView { view in
            let withNUL = try #require(try view.value("v"))
            let broken = try #require(try view.value("w"))
            let containsNUL = try BSONIdentifier.append(withNUL, to: arena)
            #expect(containsNUL)
            #expect(throws: BSONError(.invalidUTF8, offset: 4)) { try BSONIdentifier.append(broken, to: arena) }
        }
        #expect(arena.count == 3)
    }
}
