import Metrics
import RelayCore
import Synchronization

/// A histogram over fixed upper bounds, for a `Timer` (in seconds) or an aggregating `Recorder`.
final class HistogramSeries: MetricSeries, RecorderHandler, TimerHandler {
    /// Bounds for durations, in seconds: 1 ms to a minute.
    static let durations: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
    /// Bounds for counts of things: 1 to 10,000.
    static let sizes: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]

    /// Bounds of metrics that those of every timer do not suit, by name.
    private static let byName: [String: [Double]] = [
        // As far as the longest `DESTINATION_TIMEOUT`, with its default.
        WebhookMetrics.attemptSeconds: [
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300,
        ],
        // What was parked, or waited for an endpoint to come back, may be delivered after days.
        WebhookMetrics.deliverySeconds: [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400,
        ],
    ]

    /// The bounds of the metric `name`, which counts seconds or things.
    static func bounds(of name: String, isSeconds: Bool) -> [Double] {
        byName[name] ?? (isSeconds ? durations : sizes)
    }

    /// A cell of its own for each bucket: arrays cannot hold atomics, which never move.
    private final class Bucket: Sendable {
        let count = Atomic<UInt64>(0)
    }

    private let bounds: [Double]
    /// One for each bound, and the last for what lies above all of them.
    private let buckets: [Bucket]
    private let sum = AtomicDouble()

    /// A histogram with the ascending upper `bounds`.
    init(bounds: [Double]) {
        self.bounds = bounds
        buckets = (0...bounds.count).map { _ in Bucket() }
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        // NaN would poison the sum for good, and so would infinity.
        guard value.isFinite else { return }
        var index = 0
        while index < bounds.count && value > bounds[index] { index += 1 }
        buckets[index].count.wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(max(0, duration)) / 1e9) }

    func samples(labels: [MetricLabel]) -> [MetricSample] {
        var samples: [MetricSample] = []
        samples.reserveCapacity(buckets.count + 2)
        var total: UInt64 = 0
        for (index, bucket) in buckets.enumerated() {
            total += bucket.count.load(ordering: .relaxed)
            let bound = index < bounds.count ? PrometheusText.number(bounds[index]) : "+Inf"
            samples.append(
                MetricSample(
                    suffix: "_bucket", labels: labels + [MetricLabel(name: "le", value: bound)], value: "\(total)"))
        }
        samples.append(MetricSample(suffix: "_sum", labels: labels, value: PrometheusText.number(sum.load())))
        // The total of the buckets as read above: a count of its own could disagree with `le="+Inf"`.
        samples.append(MetricSample(suffix: "_count", labels: labels, value: "\(total)"))
        return samples
    }
}
