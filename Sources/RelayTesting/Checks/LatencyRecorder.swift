import Synchronization

/// Durations, to be asked for percentiles.
package final class LatencyRecorder: Sendable {
    private let values: Mutex<[Duration]>

    package init(_ values: [Duration] = []) { self.values = Mutex(values) }

    /// Adds a duration; from any thread.
    package func record(_ value: Duration) { values.withLock { $0.append(value) } }

    /// How many there are.
    package var count: Int { values.withLock { $0.count } }

    /// The smallest recorded duration that at least `share` (0 to 1) of all do not exceed; nil when there is none.
    package func percentile(_ share: Double) -> Duration? {
        let sorted = values.withLock { $0.sorted() }
        guard !sorted.isEmpty else { return nil }
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[min(max(rank, 1), sorted.count) - 1]
    }

    /// The longest.
    package var maximum: Duration? { values.withLock { $0.max() } }
}
