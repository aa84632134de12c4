import Metrics
import Synchronization

/// A swift-metrics backend that keeps every metric in memory and writes the Prometheus text format.
///
/// Counters and meters become what their names say, a `Gauge` a gauge, `Timer` and aggregating `Recorder`
/// histograms: timers in seconds from 1 ms to 60 s, recorders from 1 to 10,000 (or as seconds, where the
/// label ends in `_seconds`), and what ``HistogramSeries`` names in bounds of its own. Asking twice for one label and one set of dimensions gives the same numbers.
///
/// Memory is bounded: a metric keeps at most ``init(seriesLimit:)`` label sets. What lies beyond, and what asks
/// for a known name with another type, is not exposed but counted in `outbox_relay_metrics_dropped_total`.
public final class PrometheusMetricsFactory: MetricsFactory, Sendable {
    private struct Family {
        let kind: MetricKind
        var series: [[MetricLabel]: any MetricSeries] = [:]
        var dropped = 0
    }

    private let families = Mutex<[String: Family]>([:])
    private let seriesLimit: Int

    /// An empty factory.
    /// - Parameter seriesLimit: the most label sets that one metric may have.
    public init(seriesLimit: Int = 1000) {
        self.seriesLimit = seriesLimit
    }

    /// Makes this the process's metrics backend. Once a process, before the first metric is made.
    public func bootstrap() {
        MetricsSystem.bootstrap(self)
    }

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter) { CounterSeries() }
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions, .counter) { FloatingCounterSeries() }
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge) { GaugeSeries() }
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return series(label, dimensions, .gauge) { GaugeSeries() } }
        return histogram(label, dimensions, isSeconds: label.hasSuffix("_seconds"))
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, isSeconds: true)
    }

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// Every metric made so far in the Prometheus text format 0.0.4, sorted by name and labels.
    public func exposition() -> String {
        PrometheusText.render(collect())
    }

    /// The metrics as they are now.
    func collect() -> [MetricFamily] {
        // The copy shares the series; only finding them needs the lock, which the hot path never takes.
        let families = families.withLock { $0 }
        var result: [MetricFamily] = []
        var dropped: [MetricSample] = []
        for (name, family) in families {
            let series = family.series.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            result.append(
                MetricFamily(
                    name: name, kind: family.kind, help: MetricHelp.text(for: name),
                    samples: series.flatMap { $0.value.samples(labels: $0.key) }))
            if family.dropped > 0 {
                let label = MetricLabel(name: "metric", value: name)
                dropped.append(MetricSample(labels: [label], value: "\(family.dropped)"))
            }
        }
        dropped.sort { $0.labels.lexicographicallyPrecedes($1.labels) }
        result.append(
            MetricFamily(
                name: OperationsMetrics.droppedSeries, kind: .counter,
                help: MetricHelp.text(for: OperationsMetrics.droppedSeries), samples: dropped))
        return result
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)], isSeconds: Bool) -> HistogramSeries {
        let bounds = HistogramSeries.bounds(of: label, isSeconds: isSeconds)
        return series(label, dimensions, .histogram) { HistogramSeries(bounds: bounds) }
    }

    private func series<Series: MetricSeries>(
        _ label: String, _ dimensions: [(String, String)], _ kind: MetricKind, _ make: () -> Series
    ) -> Series {
        let name = PrometheusText.metricName(label)
        let labels = Self.labels(dimensions)
        return families.withLock { families in
            if let known = families[name]?.series[labels] as? Series { return known }
            // What cannot be exposed gets numbers of its own that nobody reads.
            let new = make()
            let family = families[name]
            let isConflict = family.map { $0.kind != kind || $0.series[labels] != nil } ?? false
            if isConflict || (family?.series.count ?? 0) >= seriesLimit {
                families[name, default: Family(kind: kind)].dropped += 1
            } else {
                families[name, default: Family(kind: kind)].series[labels] = new
            }
            return new
        }
    }

    /// Sorted, with legal names and each name once: a repeated label makes a scrape fail.
    private static func labels(_ dimensions: [(String, String)]) -> [MetricLabel] {
        var seen: Set<String> = []
        return dimensions.map { MetricLabel(name: PrometheusText.labelName($0.0), value: $0.1) }
            .filter { seen.insert($0.name).inserted }
            .sorted()
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for (name, family) in families {
                guard let found = family.series.first(where: { $0.value === handler }) else { continue }
                families[name]?.series[found.key] = nil
                return
            }
        }
    }
}
