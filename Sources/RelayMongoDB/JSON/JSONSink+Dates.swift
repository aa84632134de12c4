/// RFC 3339 in UTC. Room for 48 bytes must be reserved.
extension JSONSink {
    private static let day: Int64 = 86_400_000

    /// Whether a date (milliseconds since 1970) lies in the years 1970 to 9999, which relaxed
    /// Extended JSON prints as text.
    @inline(__always) static func isReadable(_ milliseconds: Int64) -> Bool {
        milliseconds >= 0 && milliseconds < 253_402_300_800_000
    }

    /// Writes a date of any 64-bit number of milliseconds since 1970.
    ///
    /// Years outside 0000 to 9999 are written as ECMAScript does, with a sign and six digits, or
    /// more where six do not suffice.
    /// - Parameter wholeSeconds: leave the milliseconds out where they are 0.
    mutating func put(date milliseconds: Int64, wholeSeconds: Bool = false) {
        // Rounds towards the past without leaving 64 bits at either end.
        var days = milliseconds / JSONSink.day
        var rest = Int(milliseconds % JSONSink.day)
        if rest < 0 {
            rest += Int(JSONSink.day)
            days -= 1
        }
        put(day: Int(days))
        put(UInt8(ascii: "T"))
        let seconds = rest / 1000
        put(twoDigits: seconds / 3600)
        put(UInt8(ascii: ":"))
        put(twoDigits: seconds / 60 % 60)
        put(UInt8(ascii: ":"))
        put(twoDigits: seconds % 60)
        let fraction = rest % 1000
        if fraction != 0 || !wholeSeconds {
            put(UInt8(ascii: "."))
            put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: fraction / 100))
            put(twoDigits: fraction % 100)
        }
        put(UInt8(ascii: "Z"))
    }

    /// Days since 1970 as a date of the proleptic Gregorian calendar; years begin in March inside,
    /// so that the leap day comes last.
    @inline(__always) private mutating func put(day days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        put(year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0))
        put(UInt8(ascii: "-"))
        put(twoDigits: month)
        put(UInt8(ascii: "-"))
        put(twoDigits: dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    @inline(__always) private mutating func put(year: Int) {
        if year >= 0 && year <= 9999 {
            put(fourDigits: year)
            return
        }
        put(UInt8(ascii: year < 0 ? "-" : "+"))
        let magnitude = year.magnitude
        if magnitude < 1_000_000 {
            put(twoDigits: Int(magnitude / 10_000))
            put(fourDigits: Int(magnitude % 10_000))
        } else {
            put(unsigned: UInt64(magnitude))
        }
    }
}
