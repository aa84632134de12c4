import Foundation
import RelayCore

/// One moment by two clocks, in milliseconds: one that never goes back, for what is waited for within the process, and
/// the calendar's, for what is stored.
struct Moment: Sendable, Equatable {
    /// Milliseconds of a clock that never goes back.
    var uptime: Int64
    /// Milliseconds since 1970-01-01 UTC.
    var unix: Int64

    private static let origin = ContinuousClock.now

    /// Milliseconds of the clock that never goes back, now.
    static var uptimeNow: Int64 {
        let (seconds, attoseconds) = origin.duration(to: .now).components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// This moment, by this machine's calendar.
    static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Moment(
            uptime: uptimeNow,
            unix: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

extension StoreClock {
    /// This moment, by the store's calendar.
    var moment: Moment { Moment(uptime: Moment.uptimeNow, unix: now) }
}

extension Duration {
    /// Whole milliseconds; what is longer than 292 million years is that long.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflowed) = seconds.multipliedReportingOverflow(by: 1000)
        return overflowed ? .max : product + attoseconds / 1_000_000_000_000_000
    }
}
