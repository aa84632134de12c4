import Glibc

/// A moment in UTC, taken apart for the formats of HTTP and RFC 3339. Independent of the locale.
struct UTCTime {
    private var fields = tm()
    private let milliseconds: Int

    /// The moment `seconds` after the Unix epoch; nil where no calendar reaches.
    init?(unixSeconds seconds: Double) {
        guard seconds.isFinite, abs(seconds) < 253_402_300_800 else { return nil }
        var whole = time_t(seconds.rounded(.down))
        milliseconds = Int((seconds - seconds.rounded(.down)) * 1000)
        guard gmtime_r(&whole, &fields) != nil else { return nil }
    }

    /// As RFC 3339 with milliseconds: `2026-01-31T12:00:00.250Z`.
    var rfc3339: String {
        "\(pad(year, 4))-\(pad(Int(fields.tm_mon) + 1, 2))-\(pad(Int(fields.tm_mday), 2))T\(clock).\(pad(milliseconds, 3))Z"
    }

    /// As the `Date` header of HTTP (RFC 9110, IMF-fixdate): `Sat, 31 Jan 2026 12:00:00 GMT`.
    var httpDate: String {
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let date = "\(pad(Int(fields.tm_mday), 2)) \(months[Int(fields.tm_mon)]) \(pad(year, 4))"
        return "\(days[Int(fields.tm_wday)]), \(date) \(clock) GMT"
    }

    /// The moment of this call.
    static var now: UTCTime? { UTCTime(unixSeconds: unixSeconds) }

    /// The moment of this call in seconds since the Unix epoch.
    static var unixSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private var year: Int { Int(fields.tm_year) + 1900 }

    private var clock: String {
        "\(pad(Int(fields.tm_hour), 2)):\(pad(Int(fields.tm_min), 2)):\(pad(Int(fields.tm_sec), 2))"
    }

    private func pad(_ number: Int, _ width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
