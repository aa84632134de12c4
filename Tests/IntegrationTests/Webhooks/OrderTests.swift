import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("Order and parking")
    struct OrderTests {
        @Test("a key that fails waits with its followers, others flow; it goes on in order when it works again")
        func failingKey() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.key("k3", .status(500)))
                let relay = try await hook.streamingRelay()
                let committed = try await hook.insert(500, keys: 10)
                let others = committed.filter { $0.key != "k3" }
                try await hook.receiver.waitForAccepted(others.count)
                try await relay.waitUntil("parking one key") { $0.parkedKeys == 1 && $0.parked == 50 }
                try await relay.waitUntilStreaming()
                let status = try await relay.status().pipelines[0]
                #expect(status.breaker == "closed" && status.oldestParkedSeconds != nil)
                // Later events of the key join it, those of others pass.
                let more = try await hook.insert(20, keys: 10, from: 500)
                try await hook.receiver.waitForAccepted(others.count + 18)
                #expect(Set(hook.receiver.deliveries().filter { $0.key == "k3" }.map(\.id)) == ["3"])
                hook.receiver.behave()
                try await hook.expectComplete(committed + more)
                try await relay.waitUntil("parking nothing") { $0.parked == 0 && $0.parkedKeys == 0 }
            }
        }

        @Test("what is parked stays in order across restarts", arguments: [SIGTERM, SIGKILL])
        func restarts(signal: Int32) async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.key("k1", .status(503)), .key("k2", .status(500)))
                let relay = try await hook.streamingRelay(signal == SIGKILL ? HookRig.shortLease : [:])
                var committed: [CommittedEvent] = []
                for round in 0..<3 {
                    committed += try await hook.insert(60, keys: 6, from: round * 60)
                    try await hook.receiver.waitForAccepted(committed.count / 6 * 4)
                    try await relay.waitUntil("parking") { $0.parked == (round + 1) * 20 }
                    if signal == SIGTERM {
                        #expect(await relay.terminate() == .code(0))
                    } else {
                        await relay.kill()
                    }
                    try await relay.start()
                    try await relay.waitUntilStreaming()
                    let parked = try await relay.status().pipelines[0]
                    #expect(parked.parked == (round + 1) * 20 && parked.parkedKeys == 2)
                }
                #expect(!hook.receiver.hasAccepted("1") && !hook.receiver.hasAccepted("2"))
                hook.receiver.behave()
                try await hook.expectComplete(committed, repeats: signal == SIGKILL ? 200 : 0)
            }
        }

        @Test("DESTINATION_ORDERING=none: a key's events do not wait for one another")
        func unordered() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(
                    .events(["0"], .status(500)), .always(.late(.milliseconds(100))))
                let relay = try await hook.streamingRelay(["DESTINATION_ORDERING": "none"])
                let committed = try await hook.insert(64, keys: 1)
                try await hook.receiver.waitForAccepted(63)
                #expect(hook.receiver.mostInFlight >= 16, "\(hook.receiver.mostInFlight) in flight")
                hook.receiver.behave()
                try await hook.expectComplete(committed, ordered: false)
                #expect(try await relay.status().pipelines[0].deadLetters == 0)
            }
        }

        @Test("one attempt in flight for each key, DESTINATION_CONCURRENCY in all")
        func concurrency() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.always(.late(.milliseconds(50))))
                _ = try await hook.streamingRelay(["DESTINATION_CONCURRENCY": "7"])
                let committed = try await hook.insert(200, keys: 50)
                try await hook.expectComplete(committed)
                #expect(hook.receiver.mostInFlight == 7)
                hook.receiver.behave(.always(.late(.milliseconds(20))))
                let more = try await hook.insert(30, keys: 1, from: 1000)
                try await hook.receiver.waitForAccepted(230)
                let times = more.compactMap { hook.receiver.deliveries(of: $0.id).first?.at }
                for (earlier, later) in zip(times, times.dropFirst()) {
                    #expect(earlier.duration(to: later) >= .milliseconds(20), "one after the other")
                }
            }
        }
    }
}
