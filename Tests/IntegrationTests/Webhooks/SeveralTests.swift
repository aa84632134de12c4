import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("Several destinations")
    struct SeveralTests {
        @Test("each has its own filter, cursor and pause")
        func filters() async throws {
            try await HookRig.with { hook in
                let other = try await WebhookReceiver.start(secrets: [HookRig.secret])
                let relay = try hook.several(
                    ["crm", "billing"],
                    ["DESTINATION_BILLING_URL": other.url, "DESTINATION_BILLING_TYPES": "*Paid,Refund"])
                try await relay.start()
                try await relay.waitUntilStreaming()
                var all = try await hook.insert(50, type: "OrderNoted")
                var paid = try await hook.insert(30, from: 50, type: "OrderPaid")
                all += paid
                try await hook.expectComplete(all)
                try await other.waitForAccepted(30)
                try await relay.waitUntil("filtering", destination: "billing") { $0.eventsFiltered == 50 }

                let paused = try await relay.command(["pause", "crm", "--reason", "moving house"])
                #expect(paused.exitCode == 0, "\(paused.error)")
                try await relay.waitUntil("paused", destination: "crm") { $0.state == "paused" }
                let more = try await hook.insert(20, from: 80, type: "Refund")
                (all, paid) = (all + more, paid + more)
                try await other.waitForAccepted(50)
                #expect(hook.receiver.accepted == 80, "the paused one gets nothing")
                try await relay.waitUntil("streaming", destination: "billing") { $0.state == "streaming" }
                #expect(try await relay.command(["resume", "crm"]).exitCode == 0)
                try await hook.expectComplete(all)
                let report = other.check(paid, ordered: false)
                #expect(report.isComplete && report.repeats == 0, "\(report)")
                #expect(try await relay.command(["pause"]).exitCode == 64, "which one?")
                await other.stop()
            }
        }

        @Test("a dead webhook delays neither a queue nor another webhook, and readyz stays green")
        func isolated() async throws {
            try await HookRig.with { hook in
                let dead = try await WebhookReceiver.start()
                await dead.down()
                let relay = try hook.several(
                    ["ledger", "billing", "crm"],
                    ["DESTINATION_LEDGER_URL": hook.rig.url, "DESTINATION_CRM_URL": dead.url])
                try await relay.start()
                try await waiting(for: "the listener", within: .seconds(20)) {
                    try await relay.get("/readyz").status == 200 ? true : nil
                }
                let committed = try await hook.insert(2000, keys: 100)
                try await hook.rig.checker.waitForRows(2000, within: .seconds(30))
                try await hook.expectComplete(committed)
                try await relay.waitUntil("open", destination: "crm") {
                    $0.breaker == "open" || $0.breaker == "half-open"
                }
                try await relay.waitUntil("level", destination: "ledger") { $0.state == "streaming" }
                try await relay.waitUntil("level", destination: "billing") { $0.state == "streaming" }
                let ready = try await relay.get("/readyz").status
                let live = try await relay.get("/livez").status
                #expect(ready == 200 && live == 200)
                #expect(try await hook.rig.events().map(\.id) == committed.map(\.id))
                // What it missed comes when it is back, from its own cursor.
                try await dead.up()
                try await dead.waitForAccepted(2000, within: .seconds(60))
                #expect(dead.check(committed).isComplete)
                await dead.stop()
            }
        }

        @Test("dead letters are kept apart")
        func deadLetters() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(
                    Behaviour { $0.header("x-for") == "crm" && $0.events.contains { $0.id == "4" } ? .refused : nil })
                let relay = try hook.several(
                    ["crm", "billing"],
                    ["DESTINATION_CRM_HEADERS": "x-for: crm", "DESTINATION_BILLING_HEADERS": "x-for: billing"])
                try await relay.start()
                try await hook.insert(10)
                try await waiting(for: "a dead letter", within: .seconds(20)) {
                    try await hook.letters(relay, destination: "crm").map(\.eventID) == ["4"] ? true : nil
                }
                #expect(try await hook.letters(relay, destination: "billing").isEmpty)
                try await hook.receiver.waitForAccepted(10)
                hook.receiver.behave()
                let retried = try await relay.command(["dead-letters", "retry", "--all", "--destination", "crm"])
                #expect(retried.exitCode == 0, "\(retried.error)")
                try await waiting(for: "the redelivery", within: .seconds(20)) {
                    hook.receiver.deliveries(of: "4").filter { $0.redelivery == "retry" }.count == 1 ? true : nil
                }
                #expect(try await relay.command(["dead-letters", "retry", "--all"]).exitCode == 64, "of which one?")
            }
        }
    }
}
