/// Times as RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.250Z`.
enum EventTime {
    /// The years 1 to 9999. RFC 3339 ends there, and many languages have no year 0.
    static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    /// Lends the text of a time in milliseconds since 1970; does nothing for a time outside ``range``, such as the one
    /// that stands for an unknown time.
    @inline(__always)
    static func withText(of milliseconds: Int64, _ body: (UnsafeRawBufferPointer) -> Void) {
        guard range.contains(milliseconds) else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { text in
            write(milliseconds, to: text.baseAddress!)
            body(UnsafeRawBufferPointer(text))
        }
    }

    private static func write(_ milliseconds: Int64, to out: UnsafeMutablePointer<UInt8>) {
        let day = 86_400_000
        // Counted from 0000-03-01, so that nothing is negative and the leap day comes last in its year.
        let time = Int(milliseconds) + 719_468 * day
        let days = time / day
        let rest = time % day
        // Days of 400, 100, 4 and 1 years (proleptic Gregorian calendar).
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = days / 146_097 * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        let seconds = rest / 1000

        func put(_ value: Int, _ digits: Int, at place: Int) {
            var value = value
            for index in (0..<digits).reversed() {
                out[place + index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
                value /= 10
            }
        }
        put(year, 4, at: 0)
        out[4] = UInt8(ascii: "-")
        put(month, 2, at: 5)
        out[7] = UInt8(ascii: "-")
        put(dayOfYear - (153 * marchMonth + 2) / 5 + 1, 2, at: 8)
        out[10] = UInt8(ascii: "T")
        put(seconds / 3600, 2, at: 11)
        out[13] = UInt8(ascii: ":")
        put(seconds / 60 % 60, 2, at: 14)
        out[16] = UInt8(ascii: ":")
        put(seconds % 60, 2, at: 17)
        out[19] = UInt8(ascii: ".")
        put(rest % 1000, 3, at: 20)
        out[23] = UInt8(ascii: "Z")
    }
}

/// Numbers as text.
enum Decimal {
    /// Lends `value` with leading zeros, 20 digits in all: the text sorts as the number does.
    @inline(__always)
    static func withTwentyDigits(of value: UInt64, _ body: (UnsafeRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { text in
            var value = value
            for index in (0..<20).reversed() {
                text[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
                value /= 10
            }
            body(UnsafeRawBufferPointer(text))
        }
    }
}
