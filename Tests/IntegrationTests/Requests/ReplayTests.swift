import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Replay")
    struct ReplayTests {
        private struct Answer: Decodable {
            var succeeded: Bool
            var message: String
            var count: Int
        }

        private static func answer(_ result: CommandResult) throws -> Answer {
            try JSONDecoder().decode(Answer.self, from: Data(result.output.utf8))
        }

        private static let objectID = "65f0c0ffee65f0c0ffee65f0"
        private static let uuid = "5f1c0a1e-0000-4000-8000-00000000002a"
        private static let date = #"{"$date":{"$numberLong":"1700000000000"}}"#

        private static func documents() -> [BSONDocument] {
            let uuidBytes = [0x5f, 0x1c, 0x0a, 0x1e, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x2a] as [UInt8]
            let ids: [BSONValue] = [
                .objectID(BSONObjectID(objectID)!), .binary(uuidBytes, subtype: 4), 42, "text", "43",
                .date(1_700_000_000_000), .double(5),
            ]
            return ids.map { outboxDocument($0, payload: 1) }
        }

        @Test("ids of every type are found as they went out; what is not there is named")
        func ids() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            try await rig.insert(Self.documents())
            try await rig.waitForRows(7)
            let wanted = [Self.objectID, Self.uuid, "42", "text", "43", Self.date]
            let found = try await relay.command(["replay", "--json", "--event"] + wanted)
            #expect(found.exitCode == 0, "\(found.output)\(found.error)")
            #expect(try Self.answer(found).count == 6)
            let again = try await rig.events().dropFirst(7)
            #expect(again.map(\.id) == wanted)
            #expect(again.allSatisfy { $0.headers == "{\"outbox-relay-redelivery\": \"replay\"}" })
            #expect(try await rig.events().map(\.position) == Array(1...13))
            // Equal to the server, and another event: 5.0 went out as its Extended JSON.
            let missing = try await relay.command(["replay", "--json", "--event", "5", "42", "nowhere"])
            #expect(missing.exitCode == 1)
            #expect(try Self.answer(missing).message == "1 delivered again; not in the source: 5, nowhere")
            // The stream goes on behind it.
            try await rig.insert([outboxDocument(99, payload: 1)])
            try await rig.waitForRows(15)
            #expect(try await rig.events().last?.id == "99")
            for wrong in [
                ["replay"], ["replay", "--event", "1", "--since", "2026-01-01T00:00:00Z"],
                ["replay", "--since", "yesterday"], ["replay", "--until", "2026-01-01T00:00:00Z"],
            ] {
                #expect(try await relay.command(wrong).exitCode == 64, "\(wrong)")
            }
        }

        @Test("a time selects by the event's own time, or else by that of its ObjectId")
        func times() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            func id(_ seconds: Int) -> BSONValue {
                .objectID(BSONObjectID(String(seconds, radix: 16) + "0000000000000001")!)
            }
            let start = 1_700_000_000
            func document(_ seconds: Int, _ time: BSONValue? = nil) -> BSONDocument {
                let document = outboxDocument(id(seconds), payload: 1)
                return time.map { document.appending("occurredAt", $0) } ?? document
            }
            try await rig.insert([
                document(start - 1), document(start), document(start + 59), document(start + 60),
                document(start + 1000, .date(Int64(start + 10) * 1000)),
                document(start + 1001, .int64(Int64(start + 11) * 1000)),
                document(start + 1002, "2023-11-14T22:13:32Z"),
                document(start + 1003, .timestamp(BSONTimestamp(seconds: UInt32(start + 13), increment: 1))),
                // Its own time counts, whatever its id says.
                document(start + 20, .date(Int64(start + 500) * 1000)), document(start + 21, "2023-11-14T22:23:32Z"),
            ])
            try await rig.waitForRows(10)
            let answer = try await relay.command([
                "replay", "--since", "2023-11-14T22:13:20Z", "--until", "2023-11-14T22:14:20Z", "--json",
            ])
            #expect(answer.exitCode == 0, "\(answer.output)\(answer.error)")
            let again = try await rig.events().dropFirst(10)
            let seconds = again.map { Int($0.id.prefix(8), radix: 16)! - start }
            #expect(Set(seconds) == [0, 59, 1000, 1001, 1002, 1003] && seconds.count == 6, "\(seconds)")
        }

        @Test("the destination's filter holds, and a paused one answers at once")
        func filterAndPause() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(["DESTINATION_TYPES": "Noted"])
            try await rig.insert([outboxDocument(1, payload: 1), outboxDocument(2, type: "Other", payload: 2)])
            try await rig.waitForRows(1)
            let answer = try await relay.command(["replay", "--event", "1", "2"])
            #expect(answer.exitCode == 0)
            #expect(answer.output.contains("1 delivered again; 1 that the destination's topics"), "\(answer.output)")
            #expect(try await relay.command(["pause", "default"]).exitCode == 0)
            let refused = try await relay.command(["replay", "--event", "1"])
            #expect(refused.exitCode == 1 && refused.output.contains("resume it first"), "\(refused.output)")
            #expect(try await rig.events().map(\.id) == ["1", "1"])
        }

        @Test("killed in the middle, a replay goes on where it was: exactly once", .timeLimit(.minutes(10)))
        func killed() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            let count = 15_000
            try await rig.insert(
                (0..<count).map {
                    outboxDocument(.integer($0), key: "k\($0 % 50)", payload: ["n": .integer($0)])
                        .appending("occurredAt", .date(1_700_000_000_000))
                })
            try await rig.waitForRows(count)
            let command = Task {
                try await rig.command([
                    "replay", "--json", "--since", "2023-01-01T00:00:00Z", "--until", "2024-01-01T00:00:00Z",
                ])
            }
            for part in 1...3 {
                try await rig.checker.waitForRows(count + part * count / 5, within: .seconds(60))
                await relay.kill()
                // The stream's own events come in between.
                try await rig.insert([outboxDocument(.string("new-\(part)"), payload: 1)])
                try await relay.start()
            }
            let answer = try await command.value
            #expect(answer.exitCode == 0, "\(answer.output)\(answer.error)")
            #expect(try Self.answer(answer).count == count)
            try await rig.waitForRows(2 * count + 3)
            let wrong = try await rig.value(
                """
                SELECT count(*) FROM (SELECT event_id FROM outbox_relay.events WHERE event_id NOT LIKE 'new-%'
                GROUP BY event_id HAVING count(*) <> 2 OR count(*) FILTER (
                    WHERE headers ->> 'outbox-relay-redelivery' = 'replay') <> 1) AS wrong
                """)
            #expect(wrong == "0", "every event once in its turn and once again")
            let positions = try await rig.value(
                "SELECT max(position) - count(DISTINCT position) FROM outbox_relay.events")
            #expect(positions == "0", "dense")
        }

        @Test("to a webhook, a replay carries its mark and holds up nothing", .timeLimit(.minutes(10)))
        func webhook() async throws {
            try await HookRig.with(keeping: 2000) { hook in
                let relay = try await hook.streamingRelay()
                let committed = try await hook.insert(600)
                try await hook.expectComplete(committed)
                let command = Task { try await relay.command(["replay", "--since", "2020-01-01T00:00:00Z"]) }
                let byTime = try await command.value
                // Integers are no ObjectIds, and these have no time.
                #expect(byTime.output.contains("0 delivered again"), "\(byTime.output)")
                let answer = try await relay.command(["replay", "--event"] + committed.map(\.id) + ["nowhere"])
                #expect(answer.exitCode == 1 && answer.output.contains("nowhere"), "\(answer.output)\(answer.error)")
                try await waiting(for: "600 replayed events", within: .seconds(60)) {
                    hook.receiver.deliveries().count { $0.redelivery == "replay" && $0.status == 200 } >= 600
                        ? true : nil
                }
                try await Task.sleep(for: .milliseconds(300))
                let again = hook.receiver.deliveries().filter { $0.redelivery == "replay" }
                #expect(again.count == 600 && Set(again.map(\.id)).count == 600)
                let requests = hook.receiver.requests.filter { $0.header("outbox-relay-redelivery") == "replay" }
                #expect(requests.count == 600)
                #expect(
                    requests.allSatisfy { $0.events.allSatisfy { $0.sequence == nil } },
                    "they have no place in the stream")
                let report = try await hook.expectComplete(committed)
                #expect(report.repeats == 0, "\(report)")
            }
        }
    }
}
