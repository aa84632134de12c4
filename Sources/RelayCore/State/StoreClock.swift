#if canImport(Glibc)
import Glibc
#endif
import Synchronization

/// The calendar of a state store's server, carried on by this process's own clock that never goes back.
///
/// What is stored with a time (when a parked event is due, when it was first tried) is read by other relays and after
/// restarts. All of them go by the server's calendar, so that a relay's own may be wrong or jump: nothing is due a day
/// later, or given up a day too early, because of it.
public final class StoreClock: Sendable {
    private let known = Mutex<(unix: Int64, at: ContinuousClock.Instant)?>(nil)

    /// A clock that goes by this machine's calendar until it is set.
    public init() {}

    /// Sets it to what the server answered.
    /// - Parameters:
    ///   - unix: the server's time, in Unix milliseconds.
    ///   - asked: when it was asked; the answer is taken to be from the middle between then and now.
    public func set(_ unix: Int64, asked: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        known.withLock { $0 = (unix, asked + asked.duration(to: now) / 2) }
    }

    /// The time in Unix milliseconds.
    public var now: Int64 {
        guard let (unix, at) = known.withLock({ $0 }) else { return Pipeline.unixMilliseconds() }
        return unix + Int64(at.duration(to: .now) / .milliseconds(1))
    }
}
