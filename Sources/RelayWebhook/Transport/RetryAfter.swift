/// The header `Retry-After` (RFC 9110, section 10.2.3).
enum RetryAfter {
    /// How long the receiver asks to wait, never below zero; nil when the value is none.
    ///
    /// - Parameters:
    ///   - value: seconds, or a date in any of HTTP's three notations.
    ///   - now: Unix time in seconds; a date that is past asks for no wait.
    static func wait(_ value: String, now: Int64) -> Duration? {
        let text = value.utf8.drop { isSpace($0) }
        var trimmed = Array(text)
        while let last = trimmed.last, isSpace(last) { trimmed.removeLast() }
        guard !trimmed.isEmpty else { return nil }
        if trimmed.allSatisfy({ isDigit($0) }) {
            // More digits than a century of seconds has: what follows is capped anyway.
            return .seconds(trimmed.count > 12 ? 1_000_000_000_000 : number(trimmed[...]))
        }
        guard let date = HTTPDate.unixTime(String(decoding: trimmed, as: UTF8.self), now: now) else { return nil }
        return .seconds(max(0, date - now))
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func number(_ digits: ArraySlice<UInt8>) -> Int64 { digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) } }
}

/// Dates in HTTP (RFC 9110, section 5.6.7), all of them in UTC.
enum HTTPDate {
    /// Unix time in seconds; nil for what is no date.
    ///
    /// The notations are `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` (RFC 850) and
    /// `Sun Nov  6 08:49:37 1994` (asctime). The name of the day is not compared with the date.
    /// - Parameter now: Unix time in seconds, for the century of a year of two digits.
    static func unixTime(_ text: String, now: Int64) -> Int64? {
        let words = text.split(separator: " ", omittingEmptySubsequences: true)
        guard let day = words.first else { return nil }
        let isLong = day.hasSuffix(",") && day.count > 4
        switch (words.count, isLong) {
        case (6, false) where days.contains(String(day.dropLast())) && day.hasSuffix(","):
            guard words[5] == "GMT" else { return nil }
            return unixTime(day: words[1], month: words[2], year: year(words[3]), time: words[4])
        case (4, true) where longDays.contains(String(day.dropLast())):
            let parts = words[1].split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 3, words[3] == "GMT" else { return nil }
            return unixTime(day: parts[0], month: parts[1], year: shortYear(parts[2], now: now), time: words[2])
        case (5, false) where days.contains(String(day)):
            return unixTime(day: words[2], month: words[1], year: year(words[4]), time: words[3])
        default: return nil
        }
    }

    private static let days: Set<String> = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let longDays: Set<String> = [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    ]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func unixTime(day: Substring, month: Substring, year: Int?, time: Substring) -> Int64? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false)
        guard let year, clock.count == 3, clock.allSatisfy({ $0.utf8.count == 2 }),
            let month = months.firstIndex(of: String(month)),
            let day = number(day, upTo: 2), (1...lastDay(of: month + 1, in: year)).contains(day),
            let hour = number(clock[0], upTo: 2), hour < 24,
            let minute = number(clock[1], upTo: 2), minute < 60,
            // 60 is a leap second.
            let second = number(clock[2], upTo: 2), second <= 60
        else { return nil }
        let seconds = hour * 3600 + minute * 60 + second
        return Int64(daysSinceEpoch(year: year, month: month + 1, day: day)) * 86_400 + Int64(seconds)
    }

    private static func year(_ text: Substring) -> Int? { text.utf8.count == 4 ? number(text, upTo: 4) : nil }

    /// A year of two digits that would be more than 50 years ahead is the last one with those digits.
    private static func shortYear(_ text: Substring, now: Int64) -> Int? {
        guard text.utf8.count == 2, let digits = number(text, upTo: 2) else { return nil }
        let thisYear = 1970 + Int(now / 31_556_952)
        let year = thisYear / 100 * 100 + digits
        return year > thisYear + 50 ? year - 100 : year
    }

    private static func number(_ text: Substring, upTo digits: Int) -> Int? {
        guard (1...digits).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    private static func lastDay(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days of the proleptic Gregorian calendar, counted with years that begin in March.
    private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
