import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("Metrics and status")
    struct MetricTests {
        /// The value of the only series of this name.
        private static func value(_ name: String, in text: String) -> Double? {
            let lines = text.split(separator: "\n").filter { $0.hasPrefix("\(name){") }
            return lines.count == 1 ? lines[0].split(separator: " ").last.flatMap { Double($0) } : nil
        }

        @Test("attempts, deliveries, latencies, parking, breaker and dead letters; labels from fixed sets only")
        func metrics() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(
                    .events(["3"], .refused), .key("k5", .status(500)), .attempts(upTo: 1, .status(503)).on("7"),
                    .events(["8"], .reset).onAttempts(upTo: 1))
                let relay = try await hook.streamingRelay()
                let committed = try await hook.insert(100)
                try await hook.receiver.waitForAccepted(89)
                _ = try await hook.waitForLetters(1, relay)
                try await relay.waitUntil("parking") { $0.parkedKeys == 1 }
                let text = try await relay.get("/metrics").body
                let names = Set(
                    text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] })
                for name in [
                    "outbox_relay_webhook_attempts_total", "outbox_relay_events_delivered_total",
                    "outbox_relay_dead_letters_total", "outbox_relay_parked_events", "outbox_relay_breaker_state",
                ] { #expect(names.contains(Substring(name)), "\(name) is not among \(names.sorted())") }
                #expect(names.contains { $0.contains("attempt") && $0.contains("seconds") }, "the time of an attempt")
                #expect(names.contains { $0.contains("parked_keys") })
                #expect(names.contains { $0.contains("in_flight") })
                #expect(names.contains { $0.contains("oldest") || $0.contains("parked_seconds") }, "the oldest parked")
                #expect(
                    names.contains { $0.contains("commit") || $0.contains("delivery_seconds") }, "commit to delivered")
                // Labels must not grow with events, keys, ids or answers.
                for line in text.split(separator: "\n") where !line.hasPrefix("#") {
                    for word in ["k5", "k1", "order", "Noted", "127.0.0.1", "whsec"] {
                        #expect(!line.contains("\"\(word)"), "\(line)")
                    }
                }
                let attempts = text.split(separator: "\n").filter {
                    $0.hasPrefix("outbox_relay_webhook_attempts_total")
                }
                for outcome in ["delivered", "refused", "5xx", "connection"] {
                    #expect(attempts.contains { $0.contains("\"\(outcome)\"") }, "\(outcome) in \(attempts)")
                }
                let delivered = Self.value("outbox_relay_events_delivered_total", in: text)
                #expect(delivered == 89, "\(delivered ?? -1)")
                let status = try await relay.status().pipelines[0]
                #expect(status.eventsDelivered == 89 && status.deadLetters == 1 && status.parked == 10)
                let shown = try await relay.command(["status"])
                #expect(shown.exitCode == 0 && shown.output.contains("leader"), "\(shown.output)")
                hook.receiver.behave()
                try await hook.expectComplete(committed, deadLettered: ["3"])
                #expect(!relay.logText.contains("whsec_"), "a secret in the log")
            }
        }
    }
}

extension Behaviour {
    /// The same for one event only.
    fileprivate func on(_ id: String) -> Behaviour {
        let rule = self
        return Behaviour { request in request.events.contains { $0.id == id } ? rule.answer(to: request) : nil }
    }
}
