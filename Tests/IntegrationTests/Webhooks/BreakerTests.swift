import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("An endpoint that fails as a whole")
    struct BreakerTests {
        @Test(
            "a receiver that is away pauses reading, parks next to nothing and is found again at once",
            arguments: [
                "down", "failing",
            ])
        func outage(kind: String) async throws {
            try await HookRig.with { hook in
                let relay = try await hook.streamingRelay()
                var committed = try await hook.insert(200, keys: 50)
                try await hook.receiver.waitForAccepted(200)
                if kind == "down" { await hook.receiver.down() } else { hook.receiver.behave(.status(503)) }
                committed += try await hook.insert(3000, keys: 500, from: 200_000)
                try await relay.waitUntil("its breaker open") { $0.breaker == "open" }
                let open = try await relay.status().pipelines[0]
                #expect(open.lastError != nil)
                try await Task.sleep(for: .seconds(2))
                let later = try await relay.status().pipelines[0]
                #expect(later.parked ?? 99 < 60, "\(later.parked ?? -1) events were parked in a whole outage")
                #expect(["open", "half-open"].contains(later.breaker))
                let ready = try await relay.get("/readyz").status
                let live = try await relay.get("/livez").status
                #expect(ready == 200 && live == 200)
                let back = ContinuousClock.now
                if kind == "down" { try await hook.receiver.up() } else { hook.receiver.behave() }
                try await hook.receiver.waitForAccepted(201, within: .seconds(20))
                let took = back.duration(to: .now)
                // The outage was short, and so is the longest wait for a probe.
                #expect(took < .seconds(9), "found again after \(took)")
                try await hook.expectComplete(committed)
                try await relay.waitUntil("level again") { $0.breaker == "closed" && $0.parked == 0 }
                #expect(try await hook.letters(relay).isEmpty)
            }
        }

        @Test("an outage survives a restart of the relay, and nothing is given up for its length")
        func restartInOutage() async throws {
            try await HookRig.with { hook in
                await hook.receiver.down()
                let relay = try hook.relay(["DESTINATION_RETRY_FOR": "2s"])
                let committed = try await hook.insert(500, keys: 100)
                try await relay.start()
                try await relay.waitUntil("its breaker open") { $0.breaker == "open" }
                try await Task.sleep(for: .seconds(3))
                #expect(await relay.terminate() == .code(0))
                try await relay.start()
                try await relay.waitUntil("its breaker open") { $0.breaker == "open" }
                try await Task.sleep(for: .seconds(1))
                try await hook.receiver.up()
                try await hook.expectComplete(committed, within: .seconds(40))
                #expect(try await hook.letters(relay).isEmpty, "the time that the breaker was open does not count")
            }
        }

        @Test("one key that always fails does not open the breaker")
        func oneKey() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.key("k0", .status(500)))
                let relay = try await hook.streamingRelay([
                    "DESTINATION_RETRY_FIRST": "10ms", "DESTINATION_RETRY_MAX": "20ms",
                ])
                // Nothing else happens for a while: there is no delivery in between.
                try await hook.insert(5, keys: 1)
                try await hook.receiver.waitForRequests(60)
                #expect(try await relay.status().pipelines[0].breaker == "closed")
                let others = try await hook.insert(99, keys: 100, from: 1001)
                try await hook.receiver.waitForAccepted(others.count)
            }
        }
    }
}
