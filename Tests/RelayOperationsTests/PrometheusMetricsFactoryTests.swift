import Metrics
import RelayCore
import Testing

@testable import RelayOperations

@Suite struct PrometheusMetricsFactoryTests {
    @Test func everyKindOfMetricAsExpected() {
        let factory = PrometheusMetricsFactory()
        factory.makeCounter(label: "b_total", dimensions: [("z", "1"), ("a", "2")]).increment(by: 41)
        factory.makeCounter(label: "b_total", dimensions: [("a", "2"), ("z", "1")]).increment(by: 1)
        factory.makeCounter(label: "b_total", dimensions: [("a", "1")]).increment(by: 7)
        factory.makeFloatingPointCounter(label: "a_total", dimensions: []).increment(by: 0.5)
        factory.makeRecorder(label: "c", dimensions: [], aggregate: false).record(-2.25)
        let meter = factory.makeMeter(label: "d", dimensions: [])
        meter.set(Int64(5))
        meter.increment(by: 2)
        meter.decrement(by: 0.5)
        let sizes = factory.makeRecorder(label: "e", dimensions: [("k", "v")], aggregate: true)
        for size: Int64 in [1, 2, 3, 10_000, 10_001] { sizes.record(size) }
        let timer = factory.makeTimer(label: "f_seconds", dimensions: [])
        timer.recordNanoseconds(1_000_000)
        timer.recordNanoseconds(1_500_000_000)
        timer.recordNanoseconds(120_000_000_000)
        #expect(
            factory.exposition() == """
                # HELP a_total Recorded by a library inside the relay.
                # TYPE a_total counter
                a_total 0.5
                # HELP b_total Recorded by a library inside the relay.
                # TYPE b_total counter
                b_total{a="1"} 7
                b_total{a="2",z="1"} 42
                # HELP c Recorded by a library inside the relay.
                # TYPE c gauge
                c -2.25
                # HELP d Recorded by a library inside the relay.
                # TYPE d gauge
                d 6.5
                # HELP e Recorded by a library inside the relay.
                # TYPE e histogram
                e_bucket{k="v",le="1"} 1
                e_bucket{k="v",le="2"} 2
                e_bucket{k="v",le="5"} 3
                e_bucket{k="v",le="10"} 3
                e_bucket{k="v",le="20"} 3
                e_bucket{k="v",le="50"} 3
                e_bucket{k="v",le="100"} 3
                e_bucket{k="v",le="200"} 3
                e_bucket{k="v",le="500"} 3
                e_bucket{k="v",le="1000"} 3
                e_bucket{k="v",le="2000"} 3
                e_bucket{k="v",le="5000"} 3
                e_bucket{k="v",le="10000"} 4
                e_bucket{k="v",le="+Inf"} 5
                e_sum{k="v"} 20007
                e_count{k="v"} 5
                # HELP f_seconds Recorded by a library inside the relay.
                # TYPE f_seconds histogram
                f_seconds_bucket{le="0.001"} 1
                f_seconds_bucket{le="0.0025"} 1
                f_seconds_bucket{le="0.005"} 1
                f_seconds_bucket{le="0.01"} 1
                f_seconds_bucket{le="0.025"} 1
                f_seconds_bucket{le="0.05"} 1
                f_seconds_bucket{le="0.1"} 1
                f_seconds_bucket{le="0.25"} 1
                f_seconds_bucket{le="0.5"} 1
                f_seconds_bucket{le="1"} 1
                f_seconds_bucket{le="2.5"} 2
                f_seconds_bucket{le="5"} 2
                f_seconds_bucket{le="10"} 2
                f_seconds_bucket{le="30"} 2
                f_seconds_bucket{le="60"} 2
                f_seconds_bucket{le="+Inf"} 3
                f_seconds_sum 121.501
                f_seconds_count 3

                """)
    }

    @Test func metricsOfAWebhookAsExpected() {
        let factory = PrometheusMetricsFactory()
        let metrics = WebhookMetrics(
            pipeline: "shop/crm", destination: "crm", outcomes: ["delivered", "5xx", "other"], factory: factory)
        metrics.attempted(outcome: "delivered", class: "delivered", took: .milliseconds(4))
        metrics.attempted(outcome: "delivered", class: "delivered", took: .seconds(12))
        metrics.attempted(outcome: "5xx", class: "retry", took: .seconds(-1))
        metrics.attempted(outcome: "unheard-of", class: "unheard-of", took: .seconds(301))
        metrics.delivered(commitToDelivered: .seconds(7200))
        metrics.delivered(commitToDelivered: .seconds(-5))
        metrics.delivered(commitToDelivered: nil)
        let labels = #"destination="crm",pipeline="shop/crm""#
        func buckets(_ name: String, _ labels: String, _ bounds: [String], _ counts: [Int], _ sum: String) -> String {
            let lines = zip(bounds + ["+Inf"], counts).map { "\(name)_bucket{\(labels),le=\"\($0)\"} \($1)" }
            return (lines + ["\(name)_sum{\(labels)} \(sum)", "\(name)_count{\(labels)} \(counts.last ?? 0)"])
                .joined(separator: "\n")
        }
        let attempt = [
            "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "15",
            "30", "60", "300",
        ]
        func attempts(_ outcome: String, _ counts: [Int], _ sum: String) -> String {
            buckets(
                "outbox_relay_webhook_attempt_seconds", #"class="\#(outcome)",\#(labels)"#, attempt, counts, sum)
        }
        let delivery = [
            "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "300", "900",
            "3600", "14400", "86400",
        ]
        let none = Array(repeating: 0, count: 18)
        #expect(
            factory.exposition() == """
                # HELP outbox_relay_delivery_seconds Seconds from an event's commit to its delivery to the webhook.
                # TYPE outbox_relay_delivery_seconds histogram
                \(buckets(
                    "outbox_relay_delivery_seconds", labels, delivery,
                    Array(repeating: 1, count: 16) + [2, 2, 2], "7200"))
                # HELP outbox_relay_webhook_attempt_seconds Seconds that one request to the webhook took, by class of its outcome.
                # TYPE outbox_relay_webhook_attempt_seconds histogram
                \(attempts("delivered", [0, 0] + Array(repeating: 1, count: 11) + Array(repeating: 2, count: 5), "12.004"))
                \(attempts("other", Array(repeating: 0, count: 17) + [1], "301"))
                \(attempts("refused", none, "0"))
                \(attempts("retry", Array(repeating: 1, count: 18), "0"))
                # HELP outbox_relay_webhook_attempts_total Requests to the webhook that have ended since the process started, by outcome.
                # TYPE outbox_relay_webhook_attempts_total counter
                outbox_relay_webhook_attempts_total{destination="crm",outcome="5xx",pipeline="shop/crm"} 1
                outbox_relay_webhook_attempts_total{destination="crm",outcome="delivered",pipeline="shop/crm"} 2
                outbox_relay_webhook_attempts_total{destination="crm",outcome="other",pipeline="shop/crm"} 1

                """)
    }

    @Test func namesAndLabelsAreMadeLegal() {
        let factory = PrometheusMetricsFactory()
        factory.makeCounter(
            label: "9 bad-name.total",
            dimensions: [("a b", "q\"uote \\ back\r\nline\0"), ("a-b", "repeated"), ("__x", ""), ("le", "1")]
        ).increment(by: 1)
        let expected = #"""
            # HELP _9_bad_name_total Recorded by a library inside the relay.
            # TYPE _9_bad_name_total counter
            _9_bad_name_total{a_b="q\"uote \\ back\#r\nline\#u{FFFD}",exported___x="",exported_le="1"} 1

            """#
        #expect(factory.exposition() == expected)
    }

    @Test func numbersAreWrittenAsPrometheusReadsThem() {
        let numbers: [(Double, String)] = [
            (0, "0"), (-1, "-1"), (0.1, "0.1"), (1e-7, "1e-07"), (.nan, "NaN"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (9_007_199_254_740_991, "9007199254740991"), (1e300, "1e+300"),
        ]
        for (number, text) in numbers { #expect(PrometheusText.number(number) == text) }
    }

    @Test func seriesBeyondTheLimitAreDroppedAndCounted() {
        let factory = PrometheusMetricsFactory(seriesLimit: 10)
        for index in 0..<25 { factory.makeCounter(label: "x_total", dimensions: [("i", "\(index)")]).increment(by: 1) }
        let text = factory.exposition()
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("x_total{") }.count == 10)
        #expect(text.contains("outbox_relay_metrics_dropped_total{metric=\"x_total\"} 15\n"))
        factory.makeCounter(label: "x_total", dimensions: [("i", "0")]).increment(by: 1)
        #expect(factory.exposition().contains("x_total{i=\"0\"} 2\n"), "known series go on")
    }

    @Test func aNameKeepsItsFirstType() {
        let factory = PrometheusMetricsFactory()
        factory.makeCounter(label: "x_total", dimensions: []).increment(by: 3)
        factory.makeTimer(label: "x_total", dimensions: []).recordNanoseconds(5)
        factory.makeFloatingPointCounter(label: "x_total", dimensions: []).increment(by: 1)
        let text = factory.exposition()
        #expect(text.contains("\nx_total 3\n"))
        #expect(!text.contains("x_total_bucket"))
        #expect(text.contains("outbox_relay_metrics_dropped_total{metric=\"x_total\"} 2\n"))
    }

    @Test func impossibleValuesChangeNothing() {
        let factory = PrometheusMetricsFactory()
        let counter = factory.makeCounter(label: "a_total", dimensions: [])
        counter.increment(by: -5)
        let histogram = factory.makeRecorder(label: "b", dimensions: [], aggregate: true)
        histogram.record(Double.nan)
        histogram.record(Double.infinity)
        let text = factory.exposition()
        #expect(text.contains("\na_total 0\n"))
        #expect(text.contains("\nb_count 0\n"))
        #expect(text.contains("\nb_sum 0\n"))
    }

    @Test func destroyedSeriesAreGone() {
        let factory = PrometheusMetricsFactory()
        let counter = factory.makeCounter(label: "a_total", dimensions: [("k", "1")])
        _ = factory.makeCounter(label: "a_total", dimensions: [("k", "2")])
        factory.destroyCounter(counter)
        let text = factory.exposition()
        #expect(!text.contains("k=\"1\""))
        #expect(text.contains("k=\"2\""))
    }

    @Test func nothingIsLostUnderContention() async {
        let factory = PrometheusMetricsFactory()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for index in 0..<5000 {
                        factory.makeCounter(label: "c_total", dimensions: [("k", "v")]).increment(by: 2)
                        factory.makeRecorder(label: "h", dimensions: [], aggregate: true).record(Int64(index % 3))
                        factory.makeMeter(label: "m", dimensions: []).increment(by: 0.5)
                        if index % 1000 == 0 { _ = factory.exposition() }
                    }
                }
            }
        }
        let text = factory.exposition()
        #expect(text.contains("c_total{k=\"v\"} 80000\n"))
        #expect(text.contains("h_count 40000\n"))
        #expect(text.contains("\nm 20000\n"))
    }
}
