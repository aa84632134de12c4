import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Compensation")
    struct CompensationTests {
        private static let collection = "undeliverable"

        private static func waitForLetters(_ count: Int, in rig: Rig) async throws -> [BSONDocument] {
            try await waiting(for: "\(count) compensated dead letters", within: .seconds(30)) {
                let found = try await rig.find(collection, sort: ["_id": 1])
                return found.count >= count ? found : nil
            }
        }

        @Test(
            "what a webhook refuses and what is no event is written, once, and sent to the queue",
            .timeLimit(.minutes(10)))
        func webhook() async throws {
            try await HookRig.with { hook in
                let rig = hook.rig
                let relay = try hook.several(
                    ["hook", "ledger"],
                    [
                        "DESTINATION_LEDGER_URL": rig.url, "COMPENSATION_COLLECTION": Self.collection,
                        "COMPENSATION_EVENT": "true",
                    ])
                try await relay.start()
                try await relay.waitUntilStreaming()
                hook.receiver.behave(.events(["2"], .refused))
                try await rig.insert([
                    outboxDocument(1, key: "a", payload: ["n": 1]),
                    outboxDocument(2, key: "b", payload: ["n": 2, "at": "x"]).appending("headers", ["h": "v"]),
                    ["_id": 3, "kind": "Noted", "payload": 3],
                ])
                // 2 at the webhook, 3 at both.
                let written = try await Self.waitForLetters(3, in: rig)
                let ids = written.map {
                    "\($0[path: "_id.event"]?.string ?? "") \($0[path: "_id.destination"]?.string ?? "")"
                }
                #expect(Set(ids) == ["2 hook", "3 hook", "3 ledger"] && ids.count == 3)
                let refused = try #require(written.first { $0[path: "_id.event"]?.string == "2" })
                #expect(refused["reasonCode"]?.string == "rejected" && refused["attempts"]?.int == 1)
                #expect(refused["key"]?.string == "b" && refused["type"]?.string == "Noted")
                #expect(refused[path: "payload.n"]?.int == 2 && refused[path: "headers.h"]?.string == "v")
                let poison = try #require(written.first { $0[path: "_id.event"]?.string == "3" })
                #expect(poison[path: "document.kind"]?.string == "Noted")
                // The queue gets the event of the webhook's dead letter; without a type there is none of the poison.
                try await rig.waitForRows(3)
                let event = try #require(try await rig.events().first { $0.type == "Noted.undeliverable" })
                #expect(event.id == "2.undeliverable.hook" && event.key == "b" && event.topic == "order")
                #expect(event.headers == "{}", "it comes for the first time")
                let payload = try JSONSerialization.jsonObject(with: Data(event.payload.utf8)) as? [String: Any]
                #expect(payload?["reason"] as? String == "rejected" && payload?["destination"] as? String == "hook")
                #expect((payload?["event"] as? [String: Any])?["id"] as? String == "2")
            }
        }

        @Test("a paused destination hears `resume` behind a long row of events for it", .timeLimit(.minutes(10)))
        func paused() async throws {
            try await HookRig.with { hook in
                let rig = hook.rig
                let relay = try hook.several(
                    ["hook", "ledger"],
                    [
                        "DESTINATION_LEDGER_URL": rig.url, "COMPENSATION_EVENT": "true",
                        "DESTINATION_HOOK_TYPES": "*.undeliverable",
                    ])
                try await relay.start()
                try await relay.waitUntilStreaming()
                #expect(try await relay.command(["pause", "hook"]).exitCode == 0)
                let count = 200
                try await rig.insert(
                    (0..<count).map {
                        outboxDocument(.integer($0), key: "k\($0)", payload: ["n": .integer($0)])
                            .appending("occurredAt", .date(.max))
                    })
                try await waiting(for: "requests for the webhook", within: .seconds(60)) {
                    try await rig.find("outbox_relay_requests", sort: ["_id": 1]).count >= count ? true : nil
                }
                let resumed = try await relay.command(["resume", "hook"])
                #expect(resumed.exitCode == 0, "\(resumed.output)\(resumed.error)")
                let began = ContinuousClock.now
                try await hook.receiver.waitForAccepted(count, within: .seconds(60))
                let took = began.duration(to: .now)
                #expect(took < .seconds(40), "one a second would take minutes; it took \(took)")
                await relay.terminate()
            }
        }

        @Test("killed in the middle, every dead letter of a queue is there once", .timeLimit(.minutes(10)))
        func killed() async throws {
            try await HookRig.with { hook in
                let rig = hook.rig
                let relay = try hook.several(
                    ["hook", "ledger"],
                    [
                        "DESTINATION_LEDGER_URL": rig.url, "COMPENSATION_COLLECTION": Self.collection,
                        "COMPENSATION_EVENT": "true", "DESTINATION_HOOK_TYPES": "*.undeliverable",
                        "RELAY_LEASE_TTL": "1s",
                    ])
                try await relay.start()
                try await relay.waitUntilStreaming()
                // Times that PostgreSQL cannot hold: dead letters of the queue with id and type.
                let count = 300
                try await rig.insert(
                    (0..<count).map {
                        outboxDocument(.integer($0), key: "k\($0)", payload: ["n": .integer($0)])
                            .appending("occurredAt", .date(.max))
                    })
                for part in 1...2 {
                    _ = try await Self.waitForLetters(part * count / 4, in: rig)
                    await relay.kill()
                    try await relay.start()
                }
                let written = try await Self.waitForLetters(count, in: rig)
                #expect(Set(written.compactMap { $0[path: "_id.event"]?.string }).count == count)
                try await waiting(for: "events of all", within: .seconds(240)) {
                    Set(hook.receiver.deliveries().filter { $0.status == 200 }.map(\.id)).count == count ? true : nil
                }
                try await waiting(for: "all marked", within: .seconds(120)) {
                    try await rig.value("SELECT count(*) FROM outbox_relay.dead_letters WHERE compensated_at IS NULL")
                        == "0" ? true : nil
                }
                let requests = try await rig.find("outbox_relay_requests", sort: ["_id": 1])
                #expect(requests.count == count, "one for each, however often it was left")
                #expect(requests.allSatisfy { $0["state"]?.string == "done" })
            }
        }

        @Test("an undeliverable event that cannot be delivered either causes no other", .timeLimit(.minutes(10)))
        func chain() async throws {
            try await HookRig.with { hook in
                let relay = try hook.several(["one", "two"], ["COMPENSATION_EVENT": "true"])
                try await relay.start()
                try await relay.waitUntilStreaming()
                hook.receiver.behave(.always(.refused))
                try await hook.rig.insert([outboxDocument(1, payload: 1)])
                // The event at both, and what each tells the other.
                for name in ["one", "two"] {
                    let letters = try await waiting(for: "two dead letters of \(name)", within: .seconds(30)) {
                        let letters = try await hook.letters(relay, destination: name)
                        return letters.count >= 2 ? letters : nil
                    }
                    #expect(letters.count == 2)
                }
                try await waiting(for: "all marked", within: .seconds(120)) {
                    let letters = try await hook.rig.find("outbox_relay_dead_letters", sort: ["_id": 1])
                    return letters.count == 4 && letters.allSatisfy { $0["compensatedAt"] != nil } ? true : nil
                }
                try await Task.sleep(for: .seconds(1))
                #expect(try await hook.rig.find("outbox_relay_dead_letters", sort: ["_id": 1]).count == 4)
            }
        }
    }
}
