import Testing

@testable import RelayWebhook

@Suite("Retry-After")
struct RetryAfterTests {
    /// 1994-11-06 08:49:37 UTC.
    private let then: Int64 = 784_111_777

    @Test(
        "seconds",
        arguments: [("0", 0), ("1", 1), ("120", 120), (" 7 ", 7), ("\t9", 9), ("007", 7), ("86400", 86_400)])
    func seconds(text: String, wanted: Int) { #expect(RetryAfter.wait(text, now: 0) == .seconds(wanted)) }

    @Test("absurdly many seconds are many, not an error")
    func absurd() throws {
        for text in ["99999999999", "9223372036854775807", String(repeating: "9", count: 400)] {
            #expect(try #require(RetryAfter.wait(text, now: 0)) >= .seconds(99_999_999_999))
        }
    }

    @Test(
        "dates in the three notations of HTTP",
        arguments: [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
            " Sun, 06 Nov 1994 08:49:37 GMT ", "Mon, 06 Nov 1994 08:49:37 GMT",
        ])
    func dates(text: String) {
        #expect(HTTPDate.unixTime(text.trimmed, now: then) == then)
        #expect(RetryAfter.wait(text, now: then - 90) == .seconds(90))
        #expect(RetryAfter.wait(text, now: then + 90) == .zero, "a date that is past asks for no wait")
    }

    @Test("leap days, leap seconds and the ends of years")
    func calendar() {
        #expect(HTTPDate.unixTime("Thu, 29 Feb 2024 00:00:00 GMT", now: 0) == 1_709_164_800)
        #expect(HTTPDate.unixTime("Tue, 29 Feb 2000 12:00:00 GMT", now: 0) == 951_825_600)
        #expect(HTTPDate.unixTime("Thu, 01 Jan 1970 00:00:00 GMT", now: 0) == 0)
        #expect(HTTPDate.unixTime("Fri, 31 Dec 1999 23:59:60 GMT", now: 0) == 946_684_800)
        #expect(HTTPDate.unixTime("Wed, 29 Feb 2023 00:00:00 GMT", now: 0) == nil)
        #expect(HTTPDate.unixTime("Thu, 29 Feb 1900 00:00:00 GMT", now: 0) == nil)
    }

    @Test("a year of two digits is the nearest that is not more than 50 years ahead")
    func centuries() {
        let now: Int64 = 1_764_000_000  // November 2025
        #expect(HTTPDate.unixTime("Thursday, 01-Jan-26 00:00:00 GMT", now: now) == 1_767_225_600)
        #expect(HTTPDate.unixTime("Sunday, 06-Nov-94 08:49:37 GMT", now: now) == then)
    }

    @Test(
        "garbage is no wait",
        arguments: [
            "", " ", "-1", "+5", "1.5", "5 s", "soon", "0x10", "١٢", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994",
            "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 PST", "Sun, 06 Nov 94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT", "1994-11-06T08:49:37Z", "Xyz, 06 Nov 1994 08:49:37 GMT", "\u{0}5",
        ])
    func garbage(text: String) { #expect(RetryAfter.wait(text, now: then) == nil) }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
