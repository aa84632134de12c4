import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("Dead letters")
    struct RefusalTests {
        private static let refusal = "no: " + String(repeating: "x", count: 3000)

        @Test("what is refused is dead-lettered at once with the answer; retry delivers it, discard gives it up")
        func refused() async throws {
            try await HookRig.with(keeping: 1000) { hook in
                let dead: Set = ["5", "6", "17"]
                hook.receiver.behave(.events(dead, .status(422, body: Self.refusal)))
                let relay = try await hook.streamingRelay(HookRig.shortLease)
                let committed = try await hook.insert(60)
                let report = try await hook.expectComplete(committed, deadLettered: dead)
                #expect(report.answers == [200: 57, 422: 3], "tried once each")
                let letters = try await hook.waitForLetters(3, relay)
                #expect(Set(letters.compactMap(\.eventID)) == dead)
                for letter in letters {
                    #expect(letter.reasonCode == "rejected" && letter.attempts == 1 && letter.status == 422)
                    #expect(letter.key == "k\((Int(letter.eventID ?? "") ?? 0) % 10)" && letter.type == "Noted")
                    #expect(letter.state == "dead" && letter.reason.contains("422"), "\(letter.reason)")
                }
                let first = try #require(letters.first { $0.eventID == "5" })
                let shown = try await relay.command(
                    ["dead-letters", "show", "\(first.id)", "--destination", "default"])
                #expect(shown.exitCode == 0, "\(shown.error)")
                let whole = try JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [String: Any]
                #expect(whole?["answer"] as? String == String(Self.refusal.prefix(1024)), "the first KiB")
                let payload = try #require(whole?["payload"] as? String)
                #expect(payload.contains("\"n\":5"), "\(payload)")
                try await relay.waitUntil("counting them") { $0.deadLetters == 3 }

                // Still refused: it comes back. Then accepted.
                let second = try #require(letters.first { $0.eventID == "6" })
                let gone = try #require(letters.first { $0.eventID == "17" })
                _ = try await relay.command(["dead-letters", "retry", "\(first.id)"])
                try await waiting(for: "the second refusal", within: .seconds(20)) {
                    hook.receiver.deliveries(of: "5").count == 2 ? true : nil
                }
                hook.receiver.behave()
                let discarded = try await relay.command(["dead-letters", "discard", "\(gone.id)"])
                #expect(discarded.exitCode == 0, "\(discarded.error)")
                let again = try await hook.waitForLetters(2, relay)
                #expect(Set(again.compactMap(\.eventID)) == ["5", "6"] && again.contains { $0.id == second.id })
                let retried = try await relay.command(["dead-letters", "retry", "--all"])
                #expect(retried.exitCode == 0, "\(retried.error)")
                try await hook.receiver.waitForAccepted(59)
                for (id, count) in [("5", 3), ("6", 2)] {
                    let deliveries = hook.receiver.deliveries(of: id)
                    #expect(
                        deliveries.map(\.redelivery) == [nil] + Array(repeating: "retry", count: count - 1), "\(id)")
                    #expect(deliveries.last?.status == 200)
                    let ids = hook.receiver.requests.filter { $0.events.first?.id == id }.map(\.id)
                    #expect(Set(ids).count == 1, "the same webhook-id on every attempt")
                }
                #expect(hook.receiver.deliveries(of: "17").count == 1)
                try await relay.waitUntil("counting none") { $0.deadLetters == 0 }
                #expect(try await hook.letters(relay).isEmpty)
                let all = try await hook.letters(relay, all: true)
                #expect(all.contains { $0.eventID == "17" && $0.state == "discarded" }, "\(all)")
                #expect(all.filter { $0.state == "retried" }.count >= 2, "\(all)")
                // None of it twice after a restart.
                await relay.kill()
                try await relay.start()
                try await relay.waitUntilStreaming()
                try await Task.sleep(for: .milliseconds(500))
                #expect(hook.receiver.deliveries(of: "17").count == 1)
                #expect(hook.receiver.deliveries(of: "5").count == 3)
            }
        }

        @Test("documents that are no events are dead-lettered in MongoDB, and block nothing")
        func poison() async throws {
            try await HookRig.with { hook in
                let relay = try hook.relay()
                try await hook.rig.insert([["_id": "p1", "payload": 1], ["_id": "p2", "type": "t"]])
                var committed = try await hook.insert(10)
                try await relay.start()
                try await relay.waitUntilStreaming()
                try await hook.rig.insert([["_id": "p3", "type": 5, "payload": 1]])
                committed += try await hook.insert(10, from: 10)
                try await hook.expectComplete(committed)
                let letters = try await hook.waitForLetters(3, relay)
                let reasons = Dictionary(uniqueKeysWithValues: letters.map { ($0.eventID ?? "", $0.reasonCode) })
                #expect(reasons == ["p1": "missing-field", "p2": "missing-field", "p3": "invalid-field"])
                #expect(letters.allSatisfy { $0.attempts == 0 && $0.status == nil })
                // Nothing of a webhook's state is in PostgreSQL; it is in the source database, with the documents.
                let there = try await hook.rig.value("SELECT to_regnamespace('outbox_relay') IS NULL")
                #expect(there == "t")
                // A corrected mapping makes an event of the one whose type was missing.
                await relay.terminate()
                try await hook.rig.insert([["_id": "p4", "payload": 1, "kind": "Fixed"]])
                try await relay.start()
                let more = try await hook.waitForLetters(4, relay)
                let last = try #require(more.first { $0.eventID == "p4" })
                await relay.terminate()
                relay.setVariable("SOURCE_FIELD_TYPE", to: "kind")
                try await relay.start()
                try await relay.waitUntilStreaming()
                let retried = try await relay.command(["dead-letters", "retry", "\(last.id)"])
                #expect(retried.exitCode == 0, "\(retried.error)")
                try await waiting(for: "p4 to arrive", within: .seconds(20)) {
                    hook.receiver.hasAccepted("p4") ? true : nil
                }
                #expect(hook.receiver.deliveries(of: "p4").map(\.redelivery) == ["retry"])
            }
        }

        @Test("a deployment that refuses everything dead-letters fewer than twenty and then stops; mended, it goes on")
        func refusing() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.always(.refused))
                let relay = try await hook.streamingRelay()
                let committed = try await hook.insert(300, keys: 100)
                try await relay.waitUntil("refusing") { $0.breaker == "refusing" }
                // What was sent before comes to its end.
                try await relay.waitUntil("next to nothing in flight") { ($0.inFlight ?? 0) <= 1 }
                let requests = hook.receiver.requestCount
                // Probes come one at a time and seldom.
                try await Task.sleep(for: .seconds(3))
                #expect(hook.receiver.requestCount - requests <= 4)
                let letters = try await hook.letters(relay)
                #expect(letters.count <= 19, "\(letters.count) were given up")
                let ready = try await relay.get("/readyz").status
                #expect(ready == 200)
                hook.receiver.behave()
                let dead = Set(letters.compactMap(\.eventID))
                try await hook.expectComplete(committed, deadLettered: dead, within: .seconds(60))
                try await relay.waitUntil("closed again") { $0.breaker == "closed" }
                let later = try await hook.letters(relay)
                #expect(Set(later.compactMap(\.eventID)) == dead, "what was refused while it was refusing is delivered")
            }
        }
    }
}
