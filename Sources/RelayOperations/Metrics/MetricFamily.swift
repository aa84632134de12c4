/// One label of a series. Labels order by name, then value, so that output is stable.
struct MetricLabel: Hashable, Comparable, Sendable {
    let name: String
    let value: String

    static func < (left: MetricLabel, right: MetricLabel) -> Bool {
        (left.name, left.value) < (right.name, right.value)
    }
}

/// The metric types of the Prometheus text format that the relay writes.
enum MetricKind: String, Sendable {
    case counter, gauge, histogram
}

/// One line below a family's `TYPE` line.
struct MetricSample: Sendable {
    /// What follows the family's name: empty, or `_bucket`, `_sum`, `_count` of a histogram.
    var suffix = ""
    var labels: [MetricLabel] = []
    /// The number as the text format writes it, see ``PrometheusText/number(_:)``.
    var value: String
}

/// Everything under one metric name at one moment.
struct MetricFamily: Sendable {
    let name: String
    let kind: MetricKind
    let help: String
    var samples: [MetricSample]

    /// A gauge with the given values.
    static func gauge(_ name: String, _ values: [(labels: [MetricLabel], value: Double)]) -> MetricFamily {
        MetricFamily(
            name: name, kind: .gauge, help: MetricHelp.text(for: name),
            samples: values.map { MetricSample(labels: $0.labels, value: PrometheusText.number($0.value)) })
    }

    /// A counter with one value and no labels.
    static func counter(_ name: String, _ value: Double) -> MetricFamily {
        MetricFamily(
            name: name, kind: .counter, help: MetricHelp.text(for: name),
            samples: [MetricSample(value: PrometheusText.number(value))])
    }
}
