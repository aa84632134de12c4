import Foundation
import NIOCore
import Testing

@testable import RelayWebhook

/// The small encodings that messages are made of, against what Foundation makes of the same.
@Suite("Values in messages")
struct MessageValueTests {
    private func time(_ milliseconds: Int64) -> String? {
        var text: String?
        EventTime.withText(of: milliseconds) { text = String(decoding: $0, as: UTF8.self) }
        return text
    }

    @Test(
        "times",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_007, "2000-02-29T00:00:00.007Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (-62_135_596_800_001, nil),
            (253_402_300_800_000, nil), (.min, nil), (.max, nil),
        ] as [(Int64, String?)])
    func times(milliseconds: Int64, expected: String?) throws {
        #expect(time(milliseconds) == expected)
        // A time without text is left out of the event.
        let message = try encoder().encode(MessageSample(occurredAt: milliseconds))
        #expect(message.text.contains("\"time\":") == (expected != nil))
    }

    @Test("times of all years are those of Foundation's calendar")
    func randomTimes() {
        var random = MessageRandom("times")
        // The ISO calendar is Gregorian for ever, as RFC 3339 is.
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = TimeZone(secondsFromGMT: 0)!
        for _ in 0..<5000 {
            let milliseconds = Int64.random(in: -12_219_292_800_000...EventTime.range.upperBound, using: &random)
            let seconds = (milliseconds - (milliseconds % 1000 + 1000) % 1000) / 1000
            let parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute, .second],
                from: Date(timeIntervalSince1970: TimeInterval(seconds)))
            let expected = String(
                format: "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.year!, parts.month!, parts.day!, parts.hour!,
                parts.minute!, parts.second!, Int(milliseconds - seconds * 1000))
            #expect(time(milliseconds) == expected, "\(milliseconds), seed \(random.seed)")
        }
    }

    @Test("sequences have 20 digits, so that they sort as text", arguments: [(1, 1), (Int64.max, Int64.max)])
    func sequences(position: Int64, value: Int64) throws {
        let message = try encoder(.cloudeventsBinary).encode(MessageSample(position: position))
        let text = try #require(message.header("ce-sequence"))
        #expect(text.count == 20)
        #expect(Int64(text) == value)
        // What has no place in the stream has none.
        let apart = try encoder(.cloudeventsBinary).encode(MessageSample(position: 0))
        #expect(apart.header("ce-sequence") == nil)
    }

    @Test("base64 is Foundation's, of every length")
    func base64() throws {
        var random = MessageRandom("base64")
        for count in 0..<300 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let message = try encoder(.standard).encode(MessageSample(payload: bytes, isBinary: true))
            #expect(
                message.text.hasSuffix(",\"data\":\"\(Data(bytes).base64EncodedString())\"}"), "seed \(random.seed)")
        }
    }

    @Test("every byte that JSON cannot hold is escaped, at every place of a word")
    func escapes() throws {
        for code in UInt8(0)...0x7F {
            for place in 0..<17 {
                let text = String(repeating: "x", count: place) + String(Unicode.Scalar(code)) + "é"
                var writer = BodyWriter(capacity: 0)
                Array(text.utf8).withUnsafeBytes { writer.append(string: $0) }
                let json = String(buffer: writer.buffer)
                let inside = json.unicodeScalars.dropFirst().dropLast()
                #expect(inside.allSatisfy { $0.value >= 0x20 })
                let decoded = try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed)
                #expect(decoded as? String == text)
                let isPlain = code >= 0x20 && code != 0x22 && code != 0x5C
                #expect((json == "\"\(text)\"") == isPlain, "\(code) at \(place)")
            }
        }
    }

    @Test(
        "a dataschema that is an absolute URI is an attribute",
        arguments: [
            "https://schemas.example/order/1.json", "urn:example:order:1", "http://user:pw@[2001:db8::1]:8080/a?b=c/?d",
            "HTTP://A", "a+b-c.9:x", "file:///etc/schema.json", "tag:example.com,2026:order", "https://a/%C3%A9",
            "http://a:/", "mailto:a@b",
        ])
    func schemas(uri: String) throws {
        let sample = MessageSample(headers: "{\"a\":{\"dataschema\":\"no\"},\"dataschema\":\"\(uri)\"}")
        #expect(try encoder().encode(sample).text.contains("\"dataschema\":\"\(uri)\""))
        #expect(
            try encoder(.cloudeventsBinary).encode(sample).header("ce-dataschema")?.removingPercentEncoding
                == uri.removingPercentEncoding.map { _ in uri })
    }

    @Test(
        "any other dataschema is none",
        arguments: [
            "", "order/1.json", "/order", "//a/b", "1a:b", "https:", ":x", "https://a b", "https://a/#part",
            "https://é/",
            "https://a/%4", "https://a/%zz", "https://a:b/", "https://[::1/", "https://[1::2::3]/", "https://a[b]/",
            "https://a/[b]", "a\\\\b:c", "https://a/\\\"", "https://a@b@c/", "a_b:c", "https://a/\\u0000", "x:^",
            "https://[::1]x/",
        ])
    func noSchemas(text: String) throws {
        let sample = MessageSample(headers: "{\"dataschema\":\"\(text)\"}")
        #expect(try encoder(.cloudeventsBinary).encode(sample).header("ce-dataschema") == nil)
    }

    @Test("members of headers are found wherever they stand, escaped or not, and nothing is taken for one")
    func members() {
        func members(_ json: String) -> (String?, String?) {
            let found = Array(json.utf8).withUnsafeBytes { HeaderMembers(of: $0) }
            return (
                found.dataschema.map { String(decoding: $0, as: UTF8.self) },
                found.tracestate.map { String(decoding: $0, as: UTF8.self) }
            )
        }
        #expect(members(#"{ "x" : [1,{"dataschema":"no"},"dataschema"], "dataschema" : "a:b" }"#) == ("a:b", nil))
        #expect(members(#"{"a":"dataschema","b":"tracestate"}"#) == (nil, nil))
        #expect(members(#"{"a\"":"\\","tracestate":"\"x\\","dataschema":"https:\/\/a"}"#) == ("https://a", "\"x\\"))
        #expect(members(#"{"tracestate":"é\u00e9\ud83d\ude00"}"#) == (nil, "éé😀"))
        #expect(members(#"{"tracestate":"one","tracestate":"two"}"#) == (nil, "two"))
        for json in [
            "{}", "[]", #"["dataschema","a:b"]"#, "null", "\"dataschema\"", #"{"dataschema":1,"tracestate":null}"#,
            #"{"dataschema":{"dataschema":"a:b"}}"#, #"{"tracestate":"\ud83d"}"#, #"{"dataschema":["a:b"]}"#,
            #"{"dataschema":"a:"#, #"{"tracestate":"\"#, "", "}}}", #"{"dataschemas":"a:b"}"#,
        ] {
            #expect(members(json) == (nil, nil), "\(json)")
        }
    }
}
