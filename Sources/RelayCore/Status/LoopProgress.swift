import Synchronization

/// Watches that loops go round: each says how long its longest wait is, and is stuck when it has
/// shown no progress for three times as long. An idle source is progress; a loop that ended is not stuck.
public final class LoopProgress: Sendable {
    private struct Loop {
        var longestWait: Duration
        var last: ContinuousClock.Instant
    }
    private let loops = Mutex<[String: Loop]>([:])

    /// Watches nothing yet.
    public init() {}

    /// Says that the loop `name` goes round.
    /// - Parameter longestWait: the longest bounded wait until it says so again.
    public func beat(_ name: String, longestWait: Duration) {
        let now = ContinuousClock.now
        loops.withLock { $0[name] = Loop(longestWait: longestWait, last: now) }
    }

    /// Says that the loop `name` has ended in an orderly way.
    public func end(_ name: String) {
        _ = loops.withLock { $0.removeValue(forKey: name) }
    }

    /// The loops that are stuck at `now`, sorted by name, each with the seconds since its last progress.
    public func stuck(at now: ContinuousClock.Instant = .now) -> [(name: String, seconds: Double)] {
        loops.withLock { loops in
            loops.compactMap { name, loop in
                let silent = loop.last.duration(to: now)
                guard silent > loop.longestWait * 3 else { return nil }
                return (name, silent / .seconds(1))
            }
        }.sorted { $0.name < $1.name }
    }
}
