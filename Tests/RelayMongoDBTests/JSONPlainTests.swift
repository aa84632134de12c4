import RelayCore
import Testing

@testable import RelayMongoDB

/// Plain JSON: what a web developer expects, and never lossy.
@Suite("Plain JSON")
struct JSONPlainTests {
    static func plain(_ value: BSONValue) throws -> String {
        let text = try json(["v": value])
        return String(text.dropFirst(5).dropLast())
    }

    @Test(
        "dates of all 64 bits",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (1_795_380_621_000, "2026-11-22T20:50:21.000Z"), (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"), (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
            (-8_640_000_000_000_000, "-271821-04-20T00:00:00.000Z"), (.max, "+292278994-08-17T07:12:55.807Z"),
            (.min, "-292275055-05-16T16:47:04.192Z"),
        ] as [(Int64, String)])
    func dates(milliseconds: Int64, text: String) throws {
        #expect(try JSONPlainTests.plain(.date(milliseconds)) == "\"\(text)\"")
    }

    @Test(
        "numbers",
        arguments: [
            (.double(1), "1.0"), (.double(-0.0), "-0.0"), (.double(0.1), "0.1"), (.double(19.99), "19.99"),
            (.double(-1234.5), "-1234.5"), (.double(0.0001), "0.0001"), (.double(1e-5), "1e-05"),
            (.double(1.05), "1.05"),
            (.double(10.005), "10.005"), (.double(1e16), "1e+16"), (.double(.nan), "\"NaN\""),
            (.double(.infinity), "\"Infinity\""), (.double(-.infinity), "\"-Infinity\""),
            (.double(.leastNonzeroMagnitude), "5e-324"),
            (.double(.greatestFiniteMagnitude), "1.7976931348623157e+308"),
            (.double(99_999_999_999.9), "99999999999.9"),
            (.int32(.min), "-2147483648"), (.int32(-7), "-7"), (.int64(.max), "9223372036854775807"),
            (.int64(.min), "-9223372036854775808"), (.int64(9_007_199_254_740_993), "9007199254740993"),
            (.int64(99), "99"),
            (.int64(100), "100"), (.int64(10_000_000_000_000_000), "10000000000000000"),
            (.decimal128(BSONDecimal128(high: 0x303C_0000_0000_0000, low: 12_950)), "\"129.50\""),
            (
                .decimal128(BSONDecimal128(high: 0x3041_ED09_BEAD_87C0, low: 0x378D_8E63_FFFF_FFFF)),
                "\"\(String(repeating: "9", count: 34))\""
            ),
            (.decimal128(BSONDecimal128(high: 0x3041_ED09_BEAD_87C0, low: 0x378D_8E64_0000_0000)), "\"0\""),
            (.decimal128(BSONDecimal128(high: 0x6C10_0000_0000_0000, low: 7)), "\"0\""),
            (.timestamp(BSONTimestamp(seconds: .max, increment: 1)), "{\"t\":4294967295,\"i\":1}"),
        ] as [(BSONValue, String)])
    func numbers(value: BSONValue, text: String) throws {
        #expect(try JSONPlainTests.plain(value) == text)
    }

    @Test("doubles read back as the same bits, and integers as themselves")
    func roundTrips() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("plain numbers: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20_000 {
            let scaled = Double(Int64(bitPattern: random.next()) >> Int64.random(in: 0...63, using: &random))
            for value in [Double(bitPattern: random.next()), scaled / 10_000, scaled / 100, scaled] where value.isFinite
            {
                let text = try JSONPlainTests.plain(.double(value))
                #expect(Double(text)?.bitPattern == value.bitPattern, "seed \(seed), \(value)")
                #expect(text.count <= value.description.count, "seed \(seed), \(value)")
            }
            let integer = Int64(bitPattern: random.next()) >> Int64.random(in: 0...63, using: &random)
            #expect(try JSONPlainTests.plain(.int64(integer)) == "\(integer)")
        }
    }

    @Test("what JSON has no type for")
    func others() throws {
        let uuid = bytes(hex: "00112233445566778899aabbccddeeff")
        #expect(try JSONPlainTests.plain(.binary(uuid, subtype: 4)) == "\"00112233-4455-6677-8899-aabbccddeeff\"")
        #expect(try JSONPlainTests.plain(.binary(uuid, subtype: 3)) == "\"ABEiM0RVZneImaq7zN3u/w==\"")
        #expect(try JSONPlainTests.plain(.binary([1, 2], subtype: 4)) == "\"AQI=\"")
        #expect(try JSONPlainTests.plain(.binary([], subtype: 0)) == "\"\"")
        #expect(try JSONPlainTests.plain(.binary([0xFB, 0xEF, 0xFF], subtype: 2)) == "\"++//\"")
        #expect(
            try JSONPlainTests.plain(.objectID(BSONObjectID("65f0c0ffee0123456789abcd")!))
                == "\"65f0c0ffee0123456789abcd\"")
        #expect(
            try JSONPlainTests.plain(.regex(pattern: "^a\"", options: "xi"))
                == #"{"$regularExpression":{"pattern":"^a\"","options":"ix"}}"#)
        #expect(try JSONPlainTests.plain(.other(.minKey, [])) == #"{"$minKey":1}"#)
        #expect(try JSONPlainTests.plain(.other(.symbol, [2, 0, 0, 0, 0x61, 0])) == "\"a\"")
        let scope = (["n": 1] as BSONDocument).bytes
        let code: [UInt8] = [UInt8(4 + 6 + scope.count), 0, 0, 0, 2, 0, 0, 0, 0x61, 0]
        #expect(
            try json(["c": .other(.codeWithScope, code + scope), "n": 1])
                == #"{"c":{"$code":"a","$scope":{"n":{"$numberInt":"1"}}},"n":1}"#)
    }

    @Test("text of every length, with what needs care at every place")
    func text() throws {
        let marks: [(Unicode.Scalar, String)] = [
            ("\"", "\\\""), ("\\", "\\\\"), ("\u{1f}", "\\u001f"), ("\n", "\\n"), ("\0", "\\u0000"),
            ("\u{7f}", "\u{7f}"), ("é", "é"),
            ("\u{2028}", "\u{2028}"), ("\u{1F600}", "\u{1F600}"), ("/", "/"),
        ]
        for length in 0..<40 {
            for place in 0...length {
                for (mark, escaped) in marks {
                    let before = String(repeating: "a", count: place)
                    let after = String(repeating: "z", count: length - place)
                    var raw = String.UnicodeScalarView(before.unicodeScalars)
                    raw.append(mark)
                    raw.append(contentsOf: after.unicodeScalars)
                    let result = try json((["v": .string(String(raw))] as BSONDocument).bytes, .plain)
                    #expect(result.text == "{\"v\":\"\(before)\(escaped)\(after)\"}")
                    #expect(result.facts.containsNUL == (mark == "\0"))
                    if mark != "\0" {
                        #expect(try json([String(raw): true]) == "{\"\(before)\(escaped)\(after)\":true}")
                    }
                }
            }
        }
    }

    @Test("long text grows the arena as it goes")
    func longText() throws {
        let text = String(repeating: "aé\u{1}", count: 50_000)
        let expected = String(repeating: "aé\\u0001", count: 50_000)
        #expect(try json(["v": .string(text), "w": 1]) == "{\"v\":\"\(expected)\",\"w\":1}")
    }

    @Test(
        "text that is not UTF-8 is refused at every place",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xE2, 0x82],
            [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x28, 0xA1], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func invalidText(bad: [UInt8]) {
        for length in 0..<20 {
            let content = [UInt8](repeating: 0x61, count: length) + bad + [UInt8](repeating: 0x61, count: 19 - length)
            let size = withUnsafeBytes(of: Int32(content.count + 1), Array.init)
            let value = BSONDocument([("v", .other(.string, size + content + [0]))]).bytes
            #expect { try json(value, .plain) } throws: {
                ($0 as? BSONError) == BSONError(.invalidUTF8, offset: 11 + length)
            }
            #expect(throws: BSONError.self) { try BSONDocument(value) }
            // The same bytes as a name.
            let name = [UInt8(content.count + 7), 0, 0, 0, 0x0A] + content + [0, 0]
            #expect { try json(name, .plain) } throws: { ($0 as? BSONError)?.code == .invalidUTF8 }
        }
    }

    @Test("order and duplicate names are kept")
    func order() throws {
        #expect(try json(["b": 1, "a": 2, "b": 3, "": []]) == #"{"b":1,"a":2,"b":3,"":[]}"#)
    }

    @Test("a single value")
    func single() throws {
        let arena = ByteArena()
        let document: BSONDocument = [
            "s": "x", "a": [1, 2], "n": nil, "bad": .other(.string, [3, 0, 0, 0, 0x61, 0xFF, 0]),
        ]
        try document.withView { view in
            let string = try BSONJSON.append(#require(try view.value("s")), style: .plain, to: arena)
            #expect(string == JSONFacts(kind: .string))
            let array = try BSONJSON.append(#require(try view.value("a")), style: .plain, to: arena)
            #expect(array == JSONFacts(kind: .array, maximumDepth: 1))
            let null = try BSONJSON.append(#require(try view.value("n")), style: .plain, to: arena)
            #expect(null == JSONFacts(kind: .null))
            let before = arena.count
            let broken = try #require(try view.value("bad"))
            #expect(throws: BSONError(.invalidUTF8, offset: 5)) {
                try BSONJSON.append(broken, style: .plain, to: arena)
            }
            #expect(arena.count == before)
        }
        #expect(String(decoding: arena.bytes, as: UTF8.self) == #""x"[1,2]null"#)
    }
}
