import Metrics

/// The names of every metric in one place, with the metric objects of one pipeline.
///
/// Labels are bounded: pipeline, destination and a fixed set of reasons.
public struct RelayMetrics: Sendable {
    public static let eventsRead = "outbox_relay_events_read_total"
    public static let eventsDelivered = "outbox_relay_events_delivered_total"
    public static let eventsFiltered = "outbox_relay_events_filtered_total"
    public static let deadLetters = "outbox_relay_dead_letters_total"
    public static let batchEvents = "outbox_relay_batch_events"
    public static let batchSeconds = "outbox_relay_batch_seconds"
    public static let restarts = "outbox_relay_pipeline_restarts_total"
    public static let errors = "outbox_relay_errors_total"
    // Gauges that the exposition takes from the pipelines' status at each scrape:
    public static let lagSeconds = "outbox_relay_lag_seconds"
    public static let oplogHeadroomSeconds = "outbox_relay_oplog_headroom_seconds"
    public static let historyGapSeconds = "outbox_relay_history_gap_seconds"
    public static let role = "outbox_relay_pipeline_role"
    public static let state = "outbox_relay_pipeline_state"
    public static let deadLettersWaiting = "outbox_relay_dead_letters_waiting"
    public static let parkedEvents = "outbox_relay_parked_events"
    public static let parkedKeys = "outbox_relay_parked_keys"
    public static let oldestParkedSeconds = "outbox_relay_oldest_parked_seconds"
    public static let breaker = "outbox_relay_breaker_state"
    public static let inFlight = "outbox_relay_in_flight"

    private let labels: [(String, String)]
    public let read: Counter
    public let delivered: Counter
    public let filtered: Counter
    public let batchSize: Recorder
    public let batchDuration: Timer
    public let restarted: Counter

    /// The metrics of the pipeline `name`.
    public init(pipeline name: String, destination: String) {
        labels = [("pipeline", name), ("destination", destination)]
        read = Counter(label: Self.eventsRead, dimensions: labels)
        delivered = Counter(label: Self.eventsDelivered, dimensions: labels)
        filtered = Counter(label: Self.eventsFiltered, dimensions: labels)
        batchSize = Recorder(label: Self.batchEvents, dimensions: labels, aggregate: true)
        batchDuration = Timer(label: Self.batchSeconds, dimensions: labels)
        restarted = Counter(label: Self.restarts, dimensions: labels)
    }

    /// Counts `count` dead letters; `reason` is one of the fixed reason codes.
    public func deadLettered(_ count: Int, reason: String) {
        Counter(label: Self.deadLetters, dimensions: labels + [("reason", reason)]).increment(by: count)
    }

    /// Counts a failure of kind `code`.
    public func failed(_ code: RelayError.Code) {
        Counter(label: Self.errors, dimensions: labels + [("code", code.description)]).increment()
    }
}
