import Testing

@testable import RelayMongoDB

/// Text that claims to be JSON. What is valid here was tried with PostgreSQL 15's `json`, and the
/// facts with its `jsonb`.
@Suite("JSON text")
struct JSONTextTests {
    static func facts(_ text: [UInt8]) -> JSONFacts? {
        withExactCopy(of: text) { JSONText.validate($0) }
    }

    static func facts(_ text: String) -> JSONFacts? { facts(Array(text.utf8)) }

    @Test(
        "accepted",
        arguments: [
            "0", "-0", "0.0", "1e5", "1E+05", "-1.5e-10", "true", "false", "null", "\"\"", " \t\r\n1 ", "[]", "{}",
            "[ ]", "{ }",
            "[1,2,[3]]", #"{"a":1,"a":2}"#, #"{"":{}}"#, #""\"\\\/\b\f\n\r\t\u00e9""#, "\"\u{7f}\u{2028}é\u{1F600}\"",
            #"["a" , {"b" : [ null ] } ]"#, "123456789012345678901234567890.123456789", "\"a/b\"", #""😀""#,
        ])
    func accepted(text: String) {
        #expect(JSONTextTests.facts(text)?.fitsJSONB == true)
    }

    @Test(
        "refused",
        arguments: [
            "", " ", "tru", "truex", "nul", "NULL", "01", "-", "-01", "1.", ".5", "+1", "1e", "1e+", "0x1", "NaN",
            "Infinity",
            "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "{", "}", "{]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#,
            #"{a:1}"#,
            #"{"a":1"#, #"{"a" 1}"#, #"{1:2}"#, #"{"a":1]"#, "1 2", "{}{}", "'a'", "\"", "\"a", "\"\\\"", #""\x""#,
            #""\u12""#, #""\u12g4""#,
            #""\"#, "\"\t\"", "\"a\nb\"", "// c\n1", "\u{FEFF}1", "\u{a0}1", "[1]x", "--1", "1e5.5", "1.2.3", "\0",
            "1\0", "\"a\0b\"", "[\0]",
        ])
    func refused(text: String) {
        #expect(JSONTextTests.facts(text) == nil)
    }

    @Test("text that is not UTF-8 is refused")
    func invalidText() {
        for bad in [[0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xC3]] as [[UInt8]] {
            for length in 0..<12 {
                let filling = [UInt8](repeating: 0x61, count: length)
                #expect(JSONTextTests.facts([0x22] + filling + bad + [0x22]) == nil)
            }
        }
    }

    @Test("what jsonb refuses is told")
    func facts() {
        #expect(JSONTextTests.facts(#""a\u0000""#) == JSONFacts(kind: .string, containsNUL: true))
        #expect(JSONTextTests.facts(#"{"\u0000":1}"#) == JSONFacts(kind: .object, maximumDepth: 1, containsNUL: true))
        #expect(JSONTextTests.facts(#""\\u0000""#) == JSONFacts(kind: .string))
        for lone in [
            #""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\n""#, #""\ud800\ud800""#, #""\udc00\ud800""#,
            #""\uDBFF\u0041""#,
        ] {
            #expect(JSONTextTests.facts(lone) == JSONFacts(kind: .string, containsLoneSurrogate: true))
        }
        #expect(JSONTextTests.facts(#""\ud83d\ude00""#) == JSONFacts(kind: .string))
        #expect(
            JSONTextTests.facts(#""\ud800\ud83d\ude00\u0000""#)
                == JSONFacts(kind: .string, containsNUL: true, containsLoneSurrogate: true))
        #expect(JSONTextTests.facts(#""\ud800\u12""#) == nil)
    }

    @Test("numbers beyond numeric are told")
    func numbers() {
        let zeros = String(repeating: "0", count: 131_072)
        let fits = [
            "1e131071", "0.001e131074", "1e-16383", "1.5e-16382", "0e999999", "10e131070", "1\(zeros.dropFirst())",
            "0.\(zeros.prefix(16_383))", "1.\(zeros.prefix(16_384))e1",
        ]
        let beyond = [
            "1e131072", "-1e999999999999999999999", "1e-16384", "1.5e-16383", "0e-16384", "0e99999999999", "10e131071",
            "0.001e131075", "1\(zeros)", "0.\(zeros.prefix(16_384))",
        ]
        for text in fits { #expect(JSONTextTests.facts(text)?.containsHugeNumber == false, "\(text.prefix(20))") }
        for text in beyond { #expect(JSONTextTests.facts(text)?.containsHugeNumber == true, "\(text.prefix(20))") }
    }

    @Test("depth is counted and costs no stack", arguments: [1, 2, 63, 64, 65, 127, 128, 129, 1000, 1_000_000])
    func depth(levels: Int) {
        // Levels alternate irregularly, so that a wrong bit shows as a wrong bracket.
        var random = SeededGenerator(seed: UInt64(levels))
        var open = ""
        var close: [Character] = []
        for _ in 0..<levels {
            if Bool.random(using: &random) {
                open += "[1,"
                close.append("]")
            } else {
                open += "{\"a\":"
                close.append("}")
            }
        }
        let text = open + "null" + String(close.reversed())
        #expect(JSONTextTests.facts(text)?.maximumDepth == levels)
        #expect(JSONTextTests.facts(String(text.dropLast())) == nil)
        // One wrong bracket anywhere is noticed.
        let wrong = close.count / 2
        close[wrong] = close[wrong] == "]" ? "}" : "]"
        #expect(JSONTextTests.facts(open + "null" + String(close.reversed())) == nil)
    }
}

/// Every sequence of two, three and four bytes at its edges, against the standard library.
@Suite("UTF-8")
struct UTF8CheckTests {
    @Test("agrees with the standard library", arguments: [0, 1, 5])
    func agrees(padding: Int) {
        let leads = [
            0x7F, 0x80, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5,
            0xFF,
        ]
        let others = [0x00, 0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xAF, 0xB0, 0xBF, 0xC0, 0xE2, 0xFF]
        var sequences: [[Int]] = leads.map { [$0] }
        for lead in leads {
            for second in others {
                sequences.append([lead, second])
                for third in others {
                    sequences.append([lead, second, third])
                    for fourth in others { sequences.append([lead, second, third, fourth]) }
                }
            }
        }
        for sequence in sequences {
            let text = sequence.map(UInt8.init) + [UInt8](repeating: 0x61, count: padding)
            let isValid = String(validating: text, as: UTF8.self) != nil
            let found = withExactCopy(of: text) { buffer in
                UTF8Check.firstInvalid(from: buffer.baseAddress!, to: buffer.baseAddress! + buffer.count) == nil
            }
            #expect(found == isValid, "\(sequence)")
        }
    }
}
