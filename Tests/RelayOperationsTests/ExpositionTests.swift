import Foundation
import RelayCore
import Testing

@testable import RelayOperations

@Suite struct ExpositionTests {
    @Test func gaugesOfTheStatusAsExpected() {
        let status = RelayStatus.example()
        status.noteMongoDBReached()
        #expect(
            PrometheusText.render(status.metricFamilies()) == """
                # HELP outbox_relay_dead_letters_waiting Dead letters neither retried nor discarded yet.
                # TYPE outbox_relay_dead_letters_waiting gauge
                outbox_relay_dead_letters_waiting{destination="ledger",pipeline="shop.outbox/ledger"} 4
                outbox_relay_dead_letters_waiting{destination="billing",pipeline="shop.outbox/billing"} 0
                # HELP outbox_relay_info Always 1; the labels name the relay and the version of its build.
                # TYPE outbox_relay_info gauge
                outbox_relay_info{name="shop.outbox",version="1.2.3"} 1
                # HELP outbox_relay_lag_events Events not yet settled. Of leaders only, absent where it cannot be known.
                # TYPE outbox_relay_lag_events gauge
                outbox_relay_lag_events{destination="ledger",pipeline="shop.outbox/ledger"} 12
                # HELP outbox_relay_lag_seconds Seconds between the source's newest commit and the newest settled one. Of leaders only, absent while unknown.
                # TYPE outbox_relay_lag_seconds gauge
                outbox_relay_lag_seconds{destination="ledger",pipeline="shop.outbox/ledger"} 0.25
                # HELP outbox_relay_oplog_headroom_seconds Seconds of oplog behind the checkpoint before the position is lost. Absent without the privilege to look.
                # TYPE outbox_relay_oplog_headroom_seconds gauge
                outbox_relay_oplog_headroom_seconds{destination="ledger",pipeline="shop.outbox/ledger"} 86400
                # HELP outbox_relay_parked_events Events waiting durably for another attempt.
                # TYPE outbox_relay_parked_events gauge
                outbox_relay_parked_events{destination="ledger",pipeline="shop.outbox/ledger"} 2
                outbox_relay_parked_events{destination="billing",pipeline="shop.outbox/billing"} 0
                # HELP outbox_relay_pipeline_role 1 for the role this relay has in the pipeline, 0 for the other.
                # TYPE outbox_relay_pipeline_role gauge
                outbox_relay_pipeline_role{destination="ledger",pipeline="shop.outbox/ledger",role="leader"} 1
                outbox_relay_pipeline_role{destination="ledger",pipeline="shop.outbox/ledger",role="standby"} 0
                outbox_relay_pipeline_role{destination="billing",pipeline="shop.outbox/billing",role="leader"} 0
                outbox_relay_pipeline_role{destination="billing",pipeline="shop.outbox/billing",role="standby"} 1
                # HELP outbox_relay_pipeline_state 1 for the state the pipeline is in, 0 for the others.
                # TYPE outbox_relay_pipeline_state gauge
                outbox_relay_pipeline_state{destination="ledger",pipeline="shop.outbox/ledger",state="starting"} 0
                outbox_relay_pipeline_state{destination="ledger",pipeline="shop.outbox/ledger",state="catching-up"} 0
                outbox_relay_pipeline_state{destination="ledger",pipeline="shop.outbox/ledger",state="streaming"} 1
                outbox_relay_pipeline_state{destination="ledger",pipeline="shop.outbox/ledger",state="paused"} 0
                outbox_relay_pipeline_state{destination="ledger",pipeline="shop.outbox/ledger",state="halted"} 0
                outbox_relay_pipeline_state{destination="billing",pipeline="shop.outbox/billing",state="starting"} 1
                outbox_relay_pipeline_state{destination="billing",pipeline="shop.outbox/billing",state="catching-up"} 0
                outbox_relay_pipeline_state{destination="billing",pipeline="shop.outbox/billing",state="streaming"} 0
                outbox_relay_pipeline_state{destination="billing",pipeline="shop.outbox/billing",state="paused"} 0
                outbox_relay_pipeline_state{destination="billing",pipeline="shop.outbox/billing",state="halted"} 0
                # HELP outbox_relay_ready 1 once MongoDB was reached since the process started, else 0.
                # TYPE outbox_relay_ready gauge
                outbox_relay_ready 1
                # HELP outbox_relay_stuck_loops Loops without progress for three times their longest wait; above 0 is not live.
                # TYPE outbox_relay_stuck_loops gauge
                outbox_relay_stuck_loops 0

                """)
    }

    @Test func theStatusWinsOverAMetricOfTheSameName() {
        let factory = PrometheusMetricsFactory()
        factory.makeRecorder(label: RelayMetrics.lagSeconds, dimensions: [], aggregate: false).record(99.0)
        let text = Endpoints(status: .example(), metrics: factory).exposition()
        #expect(text.components(separatedBy: "# TYPE outbox_relay_lag_seconds ").count == 2)
        #expect(!text.contains("outbox_relay_lag_seconds 99"))
    }

    @Test func aStandbyShowsNoLag() {
        let status = RelayStatus.example { $0.role = .standby }
        let text = PrometheusText.render(status.metricFamilies())
        #expect(!text.contains("outbox_relay_lag_"))
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
