import Foundation

/// One moment by two clocks, in milliseconds: one that never goes back, for what is waited for within the process, and
/// the calendar's, for what is stored.
struct Moment: Sendable, Equatable {
    /// Milliseconds of a clock that never goes back.
    var uptime: Int64
    /// Milliseconds since 1970-01-01 UTC.
    var unix: Int64

    private static let origin = ContinuousClock.now

    /// This moment.
    static var now: Moment {
        let elapsed = origin.duration(to: .now)
        let (seconds, attoseconds) = elapsed.components
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Moment(
            uptime: seconds * 1000 + attoseconds / 1_000_000_000_000_000,
            unix: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

extension Duration {
    /// Whole milliseconds; what is longer than 292 million years is that long.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflowed) = seconds.multipliedReportingOverflow(by: 1000)
        return overflowed ? .max : product + attoseconds / 1_000_000_000_000_000
    }
}
