import Foundation
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("Retries")
    struct RetryTests {
        @Test("failures that may pass are tried again, with growing waits", arguments: [500, 302, 401, 404, 409])
        func backoff(status: Int) async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(
                    .attempts(
                        upTo: 3,
                        .status(status, headers: [("location", "http://127.0.0.1:\(hook.receiver.port)/elsewhere")])))
                _ = try await hook.streamingRelay([
                    "DESTINATION_RETRY_FIRST": "100ms", "DESTINATION_RETRY_MAX": "1s",
                ])
                // Fewer keys than it takes to call the whole endpoint broken.
                let committed = try await hook.insert(12, keys: 4)
                let report = try await hook.expectComplete(committed)
                #expect(report.answers == [status: 36, 200: 12])
                for event in committed {
                    let deliveries = hook.receiver.deliveries(of: event.id)
                    #expect(deliveries.map(\.status) == [status, status, status, 200])
                    for (number, pair) in zip(deliveries, deliveries.dropFirst()).enumerated() {
                        // Full jitter: anything up to the bound, and the time that an attempt itself takes.
                        let gap = pair.0.at.duration(to: pair.1.at)
                        #expect(gap < .milliseconds(100 << number) + .seconds(1), "gap \(number + 1) of \(event.id)")
                    }
                }
            }
        }

        @Test("Retry-After, in seconds and as a date, holds back the whole destination", arguments: [429, 503])
        func retryAfter(status: Int) async throws {
            try await HookRig.with { hook in
                let relay = try await hook.streamingRelay(["DESTINATION_RETRY_MAX": "1m"])
                for form in ["seconds", "date"] {
                    let first = Self.number(form) * 100
                    hook.receiver.behave(
                        Behaviour { request in
                            guard request.attempt == 1, request.id == "\(first)" else { return nil }
                            return .retryAfter(form == "date" ? Self.date(inSeconds: 3) : "2", status: status)
                        })
                    let committed = try await hook.insert(1, from: first)
                    // Until the relay has read the answer, others are on their way.
                    try await waiting(for: "the relay to know", within: .seconds(15)) {
                        let metrics = try await relay.get("/metrics").body.split(separator: "\n")
                        let throttled = metrics.first {
                            $0.hasPrefix("outbox_relay_webhook_attempts_total") && $0.contains("\"throttled\"")
                        }
                        return throttled?.hasSuffix(" \(Self.number(form) + 1)") == true ? true : nil
                    }
                    let more = try await hook.insert(3, from: first + 1)
                    let start = try #require(hook.receiver.deliveries(of: "\(first)").first?.at)
                    try await waiting(for: "all four", within: .seconds(15)) {
                        (committed + more).allSatisfy { hook.receiver.hasAccepted($0.id) } ? true : nil
                    }
                    // A date has whole seconds.
                    let least = Duration.milliseconds(form == "date" ? 1900 : 1950)
                    for event in committed + more {
                        let last = try #require(hook.receiver.deliveries(of: event.id).last)
                        let waited = start.duration(to: last.at)
                        #expect(waited >= least && waited < .seconds(6), "\(form): \(event.id) after \(waited)")
                    }
                    #expect(hook.receiver.deliveries(of: "\(first)").map(\.status) == [status, 200])
                }
                #expect(try await relay.status().pipelines[0].deadLetters == 0)
                #expect(hook.receiver.requestCount == 10)
            }
        }

        private static func number(_ form: String) -> Int { form == "date" ? 1 : 0 }

        private static func date(inSeconds seconds: Double) -> String {
            let format = DateFormatter()
            format.locale = Locale(identifier: "en_US_POSIX")
            format.timeZone = TimeZone(identifier: "GMT")
            format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
            return format.string(from: Date(timeIntervalSinceNow: seconds))
        }

        @Test("a Retry-After of an hour is cut at DESTINATION_RETRY_MAX; one that is no time is a failure like others")
        func longWait() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(
                    .events(["0"], .retryAfter("soon")).onAttempts(upTo: 1),
                    .attempts(upTo: 1, .retryAfter("3600")))
                _ = try await hook.streamingRelay(["DESTINATION_RETRY_MAX": "1s"])
                try await hook.expectComplete(try await hook.insert(5), within: .seconds(15))
            }
        }

        @Test("a time-out, a reset and a late answer: tried again, in order")
        func silence() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(
                    .events(["0"], .hang).onAttempts(upTo: 1), .events(["1"], .reset).onAttempts(upTo: 2),
                    .events(["2"], .late(.milliseconds(300))))
                _ = try await hook.streamingRelay(["DESTINATION_TIMEOUT": "1s"])
                let report = try await hook.expectComplete(try await hook.insert(30, keys: 10))
                #expect(report.answers == [0: 3, 200: 30])
                let hung = hook.receiver.deliveries(of: "0")
                #expect(hung.count == 2 && hung[0].at.duration(to: hung[1].at) >= .seconds(1))
            }
        }

        @Test("410 pauses the destination, across a restart; resume goes on with nothing lost")
        func gone() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.events(["25"], .status(410)))
                let relay = try await hook.streamingRelay(HookRig.shortLease)
                let committed = try await hook.insert(100)
                try await relay.waitUntil("paused by the receiver") {
                    $0.state == "paused" && $0.why?.contains("410") == true
                }
                await relay.kill()
                try await relay.start()
                try await relay.waitUntil("paused still") { $0.state == "paused" && $0.why?.contains("410") == true }
                let requests = hook.receiver.requestCount
                try await Task.sleep(for: .seconds(1))
                #expect(hook.receiver.requestCount == requests, "a paused destination is left alone")
                #expect(!hook.receiver.hasAccepted("25"))
                hook.receiver.behave()
                let resumed = try await relay.command(["resume"])
                #expect(resumed.exitCode == 0, "\(resumed.error)")
                // The kill may have come before what was in flight was saved.
                try await hook.expectComplete(committed, repeats: 100)
                #expect(try await hook.letters(relay).isEmpty)
            }
        }

        @Test("an event that fails for DESTINATION_RETRY_FOR is given up, and its key goes on")
        func exhausted() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.events(["3"], .status(500, body: "boom")))
                let relay = try await hook.streamingRelay(["DESTINATION_RETRY_FOR": "2s"])
                let committed = try await hook.insert(40, keys: 10)
                let letters = try await hook.waitForLetters(1, relay)
                try await hook.expectComplete(committed, deadLettered: ["3"])
                let letter = try #require(letters.first)
                #expect(letters.count == 1 && letter.eventID == "3" && letter.reasonCode == "retries-exhausted")
                #expect(letter.status == 500 && letter.answer == "boom")
                let deliveries = hook.receiver.deliveries(of: "3")
                #expect(letter.attempts == deliveries.count && letter.attempts > 3, "\(letter.attempts)")
                let tried = deliveries[0].at.duration(to: deliveries[deliveries.count - 1].at)
                #expect(tried > .milliseconds(1500) && tried < .seconds(4), "tried for \(tried)")
            }
        }
    }
}

extension Behaviour {
    /// The same for the first `count` attempts only.
    func onAttempts(upTo count: Int) -> Behaviour {
        let rule = self
        return Behaviour { $0.attempt <= count ? rule.answer(to: $0) : nil }
    }
}
