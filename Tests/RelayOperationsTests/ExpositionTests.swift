import Foundation
import RelayCore
import Testing

@testable import RelayOperations

@Suite struct ExpositionTests {
    @Test func gaugesOfTheStatusAsExpected() {
        let status = RelayStatus.example()
        status.noteMongoDBReached()
        let labels = #"destination="ledger",pipeline="shop.outbox/ledger""#
        let other = #"destination="billing",pipeline="shop.outbox/billing""#
        #expect(
            PrometheusText.render(status.metricFamilies(now: 1_700_000_090.5)) == """
                # HELP outbox_relay_breaker_state 1 for the state of the webhook's circuit breaker, 0 for the others. Of leaders only.
                # TYPE outbox_relay_breaker_state gauge
                outbox_relay_breaker_state{\(labels),state="closed"} 0
                outbox_relay_breaker_state{\(labels),state="open"} 1
                outbox_relay_breaker_state{\(labels),state="refusing"} 0
                outbox_relay_breaker_state{\(labels),state="half-open"} 0
                # HELP outbox_relay_dead_letters_waiting Dead letters neither retried nor discarded yet. Of leaders only.
                # TYPE outbox_relay_dead_letters_waiting gauge
                outbox_relay_dead_letters_waiting{\(labels)} 4
                # HELP outbox_relay_in_flight Requests to the webhook under way. Of leaders only.
                # TYPE outbox_relay_in_flight gauge
                outbox_relay_in_flight{\(labels)} 3
                # HELP outbox_relay_info Always 1; the labels name the relay and the version of its build.
                # TYPE outbox_relay_info gauge
                outbox_relay_info{name="shop.outbox",version="1.2.3"} 1
                # HELP outbox_relay_lag_events Events not yet settled. Of leaders only, absent where it cannot be known.
                # TYPE outbox_relay_lag_events gauge
                outbox_relay_lag_events{\(labels)} 12
                # HELP outbox_relay_lag_seconds Seconds between the source's newest commit and the newest settled one. Of leaders only, absent while unknown.
                # TYPE outbox_relay_lag_seconds gauge
                outbox_relay_lag_seconds{\(labels)} 0.25
                # HELP outbox_relay_oldest_parked_seconds Seconds for which the key parked longest has been. Of leaders only, 0 while none is parked.
                # TYPE outbox_relay_oldest_parked_seconds gauge
                outbox_relay_oldest_parked_seconds{\(labels)} 90.5
                # HELP outbox_relay_oplog_headroom_seconds Seconds of oplog behind the checkpoint before the position is lost. Absent without the privilege to look.
                # TYPE outbox_relay_oplog_headroom_seconds gauge
                outbox_relay_oplog_headroom_seconds{\(labels)} 86400
                # HELP outbox_relay_parked_events Events waiting durably for another attempt. Of leaders only.
                # TYPE outbox_relay_parked_events gauge
                outbox_relay_parked_events{\(labels)} 2
                # HELP outbox_relay_parked_keys Keys with parked events. Of leaders only.
                # TYPE outbox_relay_parked_keys gauge
                outbox_relay_parked_keys{\(labels)} 1
                # HELP outbox_relay_pipeline_role 1 for the role this relay has in the pipeline, 0 for the other.
                # TYPE outbox_relay_pipeline_role gauge
                outbox_relay_pipeline_role{\(labels),role="leader"} 1
                outbox_relay_pipeline_role{\(labels),role="standby"} 0
                outbox_relay_pipeline_role{\(other),role="leader"} 0
                outbox_relay_pipeline_role{\(other),role="standby"} 1
                # HELP outbox_relay_pipeline_state 1 for the state the pipeline is in, 0 for the others.
                # TYPE outbox_relay_pipeline_state gauge
                outbox_relay_pipeline_state{\(labels),state="starting"} 0
                outbox_relay_pipeline_state{\(labels),state="catching-up"} 0
                outbox_relay_pipeline_state{\(labels),state="streaming"} 1
                outbox_relay_pipeline_state{\(labels),state="paused"} 0
                outbox_relay_pipeline_state{\(labels),state="halted"} 0
                outbox_relay_pipeline_state{\(other),state="starting"} 1
                outbox_relay_pipeline_state{\(other),state="catching-up"} 0
                outbox_relay_pipeline_state{\(other),state="streaming"} 0
                outbox_relay_pipeline_state{\(other),state="paused"} 0
                outbox_relay_pipeline_state{\(other),state="halted"} 0
                # HELP outbox_relay_ready 1 once MongoDB was reached since the process started, else 0.
                # TYPE outbox_relay_ready gauge
                outbox_relay_ready 1
                # HELP outbox_relay_stuck_loops Loops without progress for three times their longest wait; above 0 is not live.
                # TYPE outbox_relay_stuck_loops gauge
                outbox_relay_stuck_loops 0

                """)
    }

    @Test func aQueueHasNoBreakerAndParksNothing() {
        let text = PrometheusText.render(RelayStatus.example { $0.breaker = nil }.metricFamilies())
        for name in ["breaker", "in_flight", "parked", "oldest_parked"] { #expect(!text.contains("relay_\(name)")) }
        #expect(text.contains("outbox_relay_dead_letters_waiting{"))
    }

    @Test func nothingParkedIsNoAge() {
        let text = PrometheusText.render(RelayStatus.example { $0.oldestParkedAt = nil }.metricFamilies())
        #expect(text.contains(#"oldest_parked_seconds{destination="ledger",pipeline="shop.outbox/ledger"} 0"#))
        // The clock of the machine that parked it may be ahead.
        let ahead = RelayStatus.example().metricFamilies(now: 1_699_999_999)
        #expect(PrometheusText.render(ahead).contains(#"pipeline="shop.outbox/ledger"} 0"#))
    }

    @Test func theStatusWinsOverAMetricOfTheSameName() {
        let factory = PrometheusMetricsFactory()
        factory.makeRecorder(label: RelayMetrics.lagSeconds, dimensions: [], aggregate: false).record(99.0)
        let text = Endpoints(status: .example(), metrics: factory).exposition()
        #expect(text.components(separatedBy: "# TYPE outbox_relay_lag_seconds ").count == 2)
        #expect(!text.contains("outbox_relay_lag_seconds 99"))
    }

    @Test func aStandbyShowsNothingThatAnotherChanges() {
        let status = RelayStatus.example { $0.role = .standby }
        let text = PrometheusText.render(status.metricFamilies())
        for name in ["lag_", "parked_", "oldest_parked", "breaker", "in_flight", "dead_letters_waiting"] {
            #expect(!text.contains("outbox_relay_\(name)"), "\(name)")
        }
        #expect(text.contains("outbox_relay_oplog_headroom_seconds{"))
    }

    @Test func everyMetricOfAPipelineHasHelp() {
        let factory = PrometheusMetricsFactory()
        recordEverything(factory)
        let text = Endpoints(status: .example(), metrics: factory).exposition()
        #expect(!text.contains("Recorded by a library"))
    }

    @Test func theProcessIsMeasured() throws {
        let before = try value(OperationsMetrics.cpuSeconds)
        #expect(try value(OperationsMetrics.residentMemory) > 1_000_000)
        #expect(try value(OperationsMetrics.residentMemory) < value(OperationsMetrics.virtualMemory))
        let age = Date().timeIntervalSince1970 - (try value(OperationsMetrics.startTime))
        #expect(age > -2 && age < 24 * 3600)
        let open = try value(OperationsMetrics.openFiles)
        let files = (0..<5).compactMap { _ in FileHandle(forReadingAtPath: "/dev/null") }
        #expect(try value(OperationsMetrics.openFiles) >= open - 20 + Double(files.count))
        #expect(try value(OperationsMetrics.openFiles) <= value(OperationsMetrics.maxFiles))
        var sum = 0.0
        let end = ContinuousClock.now + .milliseconds(60)
        while ContinuousClock.now < end { sum += 1 }
        #expect(try value(OperationsMetrics.cpuSeconds) > before, "after \(sum) turns")
    }

    private func value(_ name: String) throws -> Double {
        let family = try #require(ProcessMetrics.families().first { $0.name == name })
        return try #require(Double(family.samples[0].value))
    }

    @Test(.enabled(if: promtool != nil, "promtool (in Debian's package prometheus) is not on PATH"))
    func promtoolFindsNothingToSay() async throws {
        let factory = PrometheusMetricsFactory()
        recordEverything(factory)
        let hostile = "a\"b\\c\nd}{"
        let status = RelayStatus.example(name: hostile)
        let text = try await TestServer.with(status, metrics: factory) { try await $0.get("/metrics").body }
        #expect(text.contains("outbox_relay_batch_seconds_bucket"))
        #expect(text.contains("outbox_relay_delivery_seconds_bucket") && text.contains("outbox_relay_breaker_state{"))
        let (code, output) = try await onThread { try check(text) }
        #expect(code == 0 && output.isEmpty, "\(output)")
    }

    /// The metrics as a pipeline records them, made with the factory rather than the process-wide one.
    private func recordEverything(_ factory: PrometheusMetricsFactory) {
        let labels = [("pipeline", "shop/ledger"), ("destination", "ledger")]
        for name in [
            RelayMetrics.eventsRead, RelayMetrics.eventsDelivered, RelayMetrics.eventsFiltered, RelayMetrics.restarts,
        ] {
            factory.makeCounter(label: name, dimensions: labels).increment(by: 3)
        }
        factory.makeCounter(label: RelayMetrics.deadLetters, dimensions: labels + [("reason", "no-type")])
            .increment(by: 1)
        factory.makeCounter(label: RelayMetrics.errors, dimensions: labels + [("code", "unavailable")]).increment(by: 1)
        factory.makeRecorder(label: RelayMetrics.batchEvents, dimensions: labels, aggregate: true).record(Int64(100))
        factory.makeTimer(label: RelayMetrics.batchSeconds, dimensions: labels).recordNanoseconds(5_000_000)
        factory.makeCounter(label: WebhookMetrics.attempts, dimensions: labels + [("outcome", "5xx")]).increment(by: 1)
        factory.makeTimer(label: WebhookMetrics.attemptSeconds, dimensions: labels + [("class", "retry")])
            .recordNanoseconds(20_000_000)
        factory.makeTimer(label: WebhookMetrics.deliverySeconds, dimensions: labels).recordNanoseconds(5_000_000_000)
        // Refused, which has a metric of its own.
        _ = factory.makeTimer(label: RelayMetrics.errors, dimensions: [])
    }
}

/// Where `promtool` is.
private let promtool: String? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { "\($0)/promtool" }.first { FileManager.default.isExecutableFile(atPath: $0) }

/// What `promtool check metrics` says about `text`.
private func check(_ text: String) throws -> (code: Int32, output: String) {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).prom")
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: promtool ?? "")
    process.arguments = ["check", "metrics"]
    process.standardInput = try FileHandle(forReadingFrom: file)
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}
