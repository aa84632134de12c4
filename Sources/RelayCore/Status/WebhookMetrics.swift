import Metrics

/// The metric objects of one pipeline to a webhook.
///
/// Everything is made once, at the start: what is recorded thousands of times a second takes no lock, makes no label
/// and allocates nothing. It also means that a series is there, at 0, before the first attempt, so that Prometheus sees
/// the first increase.
public struct WebhookMetrics: Sendable {
    public static let attempts = "outbox_relay_webhook_attempts_total"
    public static let attemptSeconds = "outbox_relay_webhook_attempt_seconds"
    public static let deliverySeconds = "outbox_relay_delivery_seconds"

    /// The values of the label `class` of ``attemptSeconds``. A histogram is some twenty series: one for each outcome
    /// would be too many.
    public static let classes = ["delivered", "retry", "refused", other]

    /// What an outcome or a class that nobody announced counts as.
    private static let other = "other"

    private let attempts: [String: Counter]
    private let attemptDurations: [String: Timer]
    private let deliveryDuration: Timer

    /// The metrics of the pipeline `name`.
    /// - Parameters:
    ///   - outcomes: the values of the label `outcome` of ``attempts``: a fixed set.
    ///   - factory: where they are kept.
    public init(
        pipeline name: String, destination: String, outcomes: some Sequence<String>,
        factory: any MetricsFactory = MetricsSystem.factory
    ) {
        let labels = [("pipeline", name), ("destination", destination)]
        let names = Set(outcomes).union([Self.other])
        attempts = Dictionary(
            uniqueKeysWithValues: names.map { outcome in
                (outcome, Counter(label: Self.attempts, dimensions: labels + [("outcome", outcome)], factory: factory))
            })
        attemptDurations = Dictionary(
            uniqueKeysWithValues: Self.classes.map { value in
                (value, Timer(label: Self.attemptSeconds, dimensions: labels + [("class", value)], factory: factory))
            })
        deliveryDuration = Timer(label: Self.deliverySeconds, dimensions: labels, factory: factory)
    }

    /// Counts one attempt.
    /// - Parameters:
    ///   - outcome: one of the outcomes that were announced; any other counts as `other`.
    ///   - attemptClass: one of ``classes``; any other counts as `other`.
    ///   - duration: from the attempt's beginning to its end.
    public func attempted(outcome: String, class attemptClass: String, took duration: Duration) {
        (attempts[outcome] ?? attempts[Self.other])?.increment()
        (attemptDurations[attemptClass] ?? attemptDurations[Self.other])?.record(duration: max(duration, .zero))
    }

    /// Notes that an event was delivered.
    /// - Parameter commitToDelivered: the time since its commit; nil where that is not known. Clocks of two machines
    ///   differ: a negative time counts as none.
    public func delivered(commitToDelivered: Duration?) {
        if let commitToDelivered { deliveryDuration.record(duration: max(commitToDelivered, .zero)) }
    }
}
