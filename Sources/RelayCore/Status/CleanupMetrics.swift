import Metrics

/// The metrics of cleaning up.
public struct CleanupMetrics: Sendable {
    public static let cleaned = "outbox_relay_cleaned_total"
    // A gauge that the exposition takes from the relay's status at each scrape:
    public static let blocked = "outbox_relay_cleanup_blocked"

    /// Documents cleaned up by this process.
    public let cleaned: Counter

    /// The metrics, 0 from the start.
    public init() { cleaned = Counter(label: Self.cleaned) }
}
