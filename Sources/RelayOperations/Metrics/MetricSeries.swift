import Metrics
import Synchronization

/// The live numbers of one label set: written by the hot path without a lock, read at each scrape.
protocol MetricSeries: AnyObject, Sendable {
    /// The lines this series adds to its family.
    func samples(labels: [MetricLabel]) -> [MetricSample]
}

/// A counter of whole numbers.
final class CounterSeries: MetricSeries, CounterHandler {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        // A counter that falls looks like a restart to Prometheus.
        guard amount > 0 else { return }
        value.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() { value.store(0, ordering: .relaxed) }

    func samples(labels: [MetricLabel]) -> [MetricSample] {
        [MetricSample(labels: labels, value: "\(value.load(ordering: .relaxed))")]
    }
}

/// A counter that grows by fractions.
final class FloatingCounterSeries: MetricSeries, FloatingPointCounterHandler {
    private let value = AtomicDouble()

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        value.add(amount)
    }

    func reset() { value.store(0) }

    func samples(labels: [MetricLabel]) -> [MetricSample] {
        [MetricSample(labels: labels, value: PrometheusText.number(value.load()))]
    }
}

/// A gauge: the last value of a `Gauge`, or what a `Meter` was set or moved to.
final class GaugeSeries: MetricSeries, RecorderHandler, MeterHandler {
    private let value = AtomicDouble()

    func record(_ value: Int64) { self.value.store(Double(value)) }
    func record(_ value: Double) { self.value.store(value) }
    func set(_ value: Int64) { self.value.store(Double(value)) }
    func set(_ value: Double) { self.value.store(value) }
    func increment(by amount: Double) { value.add(amount) }
    func decrement(by amount: Double) { value.add(-amount) }

    func samples(labels: [MetricLabel]) -> [MetricSample] {
        [MetricSample(labels: labels, value: PrometheusText.number(value.load()))]
    }
}

/// A floating-point number that several threads may change.
struct AtomicDouble: ~Copyable, Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func store(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }
}
