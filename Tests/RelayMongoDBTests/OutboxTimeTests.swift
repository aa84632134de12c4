import Foundation
import RelayCore
import Testing

@testable import RelayMongoDB

/// RFC 3339 against Foundation, and where Foundation is more lenient, against the standard.
@Suite("Outbox times")
struct OutboxTimeTests {
    @Test("random times at random offsets are what Foundation wrote")
    func againstFoundation() {
        let seed = freshSeed("RFC 3339")
        var random = SeededGenerator(seed: seed)
        let formatter = ISO8601DateFormatter()
        // From 1600 on: before, calendars differ.
        let range: ClosedRange<Int64> = -11_676_096_000_000...253_402_214_400_000
        for _ in 0..<4000 {
            let milliseconds = Int64.random(in: range, using: &random)
            let hasFraction = Bool.random(using: &random)
            formatter.formatOptions =
                hasFraction ? [.withInternetDateTime, .withFractionalSeconds] : [.withInternetDateTime]
            formatter.timeZone = TimeZone(secondsFromGMT: Int.random(in: -839...839, using: &random) * 60)!
            let exact = hasFraction ? milliseconds : milliseconds - ((milliseconds % 1000) + 1000) % 1000
            // Half a millisecond later, so that rounding of a Double cannot tell.
            let text = formatter.string(
                from: Date(timeIntervalSince1970: Double(exact) / 1000 + (hasFraction ? 0.0002 : 0)))
            #expect(RFC3339.milliseconds(text) == exact, "\(text), seed \(seed)")
        }
    }

    @Test(
        "forms that the standard allows",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01 00:00:00Z", 0),
            ("1970-01-01T00:00:00.1Z", 100), ("1970-01-01T00:00:00.12Z", 120), ("1970-01-01T00:00:00.1239999Z", 123),
            ("1970-01-01T00:00:00-00:00", 0), ("1970-01-01T00:00:00+23:59", -86_340_000),
            ("1969-12-31T23:59:59.999Z", -1), ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000), ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func allowed(text: String, milliseconds: Int64) {
        #expect(RFC3339.milliseconds(text) == milliseconds)
    }

    @Test(
        "anything else is no time",
        arguments: [
            "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00Z", "1970-1-01T00:00:00Z", "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z", "1970-01-00T00:00:00Z", "1970-01-32T00:00:00Z", "1970-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z", "1970-04-31T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
            "1970-01-01T00:00:61Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+00:60", "1970-01-01T00:00:00+01", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00ZZ",
            " 1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z ", "+970-01-01T00:00:00Z", "-1970-01-01T00:00:00Z",
            "1970/01/01T00:00:00Z", "1970-01-01X00:00:00Z", "１970-01-01T00:00:00Z", "1970-01-01T00:00:00.123",
            "1970-01-01T00:00:00,5Z", "1970-01-01T00:00:-1Z",
        ])
    func refused(text: String) {
        #expect(RFC3339.milliseconds(text) == nil)
    }

    @Test("no text crashes it")
    func hostile() {
        let seed = freshSeed("RFC 3339 text")
        var random = SeededGenerator(seed: seed)
        let letters = Array("0123456789-:+.TtZz é")
        for _ in 0..<20_000 {
            var text = Array("2026-11-22T20:50:21.123+01:00")
            for _ in 0...Int.random(in: 0...3, using: &random) {
                text[Int.random(in: 0..<text.count, using: &random)] = letters.randomElement(using: &random)!
            }
            text.removeLast(Int.random(in: 0...3, using: &random))
            if let milliseconds = RFC3339.milliseconds(String(text)) {
                #expect((-62_167_305_600_000...253_402_387_200_000).contains(milliseconds), "\(String(text))")
            }
        }
    }
}
