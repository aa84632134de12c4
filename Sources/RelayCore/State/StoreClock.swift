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
    /// - Parameter unix: the server's time, in Unix milliseconds. It is taken to be that of the answer's arrival: the clock
    ///   may be late by the answer's way, and is never ahead, so that nothing is due early.
    public func set(_ unix: Int64) {
        let now = ContinuousClock.now
        known.withLock { $0 = (unix, now) }
    }

    /// The time in Unix milliseconds.
    public var now: Int64 {
        guard let (unix, at) = known.withLock({ $0 }) else { return Pipeline.unixMilliseconds() }
        return unix + Int64(at.duration(to: .now) / .milliseconds(1))
    }
}
