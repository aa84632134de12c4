import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Dead letters")
    struct DeadLetterTests {
        @Test("what is no event becomes a dead letter with its reason, and the stream goes on")
        func reasons() async throws {
            let rig = try await Rig()
            let bad = Self.noEvents("backlog")
            try await rig.insert(bad.map(\.document) + [outboxDocument("good-1", payload: 1)])
            let relay = try await rig.streamingRelay()
            try await rig.insert(
                Self.noEvents("stream").map(\.document) + [outboxDocument("good-2", payload: 2)])
            try await rig.waitForRows(2)
            try await rig.waitForDeadLetters(bad.count * 2)
            #expect(try await rig.events().map(\.id) == ["good-1", "good-2"])
            let letters = try await rig.deadLetters()
            #expect(letters.count == bad.count * 2)
            // The backlog comes in the order of _id, which is the order of the list.
            for (letter, expected) in zip(letters, bad + bad) {
                #expect(letter.code == expected.code, "\(letter.eventID ?? "?"): \(letter.reason)")
                #expect(letter.reason.contains(expected.word), "\(letter.eventID ?? "?"): \(letter.reason)")
                #expect(letter.state == "dead")
            }
            let status = try await rig.status(of: relay)
            #expect(status.deadLetters == bad.count * 2)
            #expect(status.eventsDeadLettered == Int64(bad.count * 2))
            let metrics = try await relay.get("/metrics").body
            #expect(metrics.contains("outbox_relay_dead_letters_total{"))
            #expect(metrics.contains("reason=\"invalid-document\""))
        }

        @Test("list, show, retry and discard; a corrected mapping counts; nothing is delivered twice")
        func commands() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            // The service names the type otherwise: all are dead-lettered until the mapping says so.
            try await rig.insert(
                (1...4).map {
                    ["_id": .integer($0), "kind": "Noted", "aggregateid": "k", "payload": ["n": .integer($0)]]
                })
            try await rig.waitForDeadLetters(4)

            let listed = try Self.letters(try await relay.command(["dead-letters", "list", "--json"]))
            #expect(listed.map(\.eventID) == ["4", "3", "2", "1"], "newest first")
            #expect(listed.allSatisfy { $0.reasonCode == "missing-field" && $0.state == "dead" && $0.key == "k" })
            let ids = Array(listed.reversed().map { "\($0.id)" })
            let shown = try await relay.command(["dead-letters", "show", ids[0]])
            #expect(shown.output.contains("kind") && shown.output.contains("Noted"), "the whole document")
            let text = try await relay.command(["dead-letters"])
            #expect(text.exitCode == 0 && text.output.split(separator: "\n").count == 4)
            #expect(try await relay.command(["dead-letters", "show", "999999"]).exitCode == 1)

            // With the mapping as it is a retry fails, says why, and changes nothing.
            let early = try await relay.command(["dead-letters", "retry", ids[0], "--json"])
            #expect(early.exitCode == 1)
            #expect(early.output.contains("the field 'type' is missing"), "\(early.output)")
            #expect(try await rig.deadLetters().filter { $0.state == "dead" }.count == 4)

            await relay.terminate()
            relay.setVariable("SOURCE_FIELD_TYPE", to: "kind")
            try await relay.start()
            try await relay.waitUntilStreaming()
            let retried = try await relay.command(["dead-letters", "retry", ids[0], ids[1]])
            #expect(retried.exitCode == 0, "\(retried.output)\(retried.error)")
            let again = try await relay.command(["dead-letters", "retry", ids[0], ids[1]])
            #expect(again.exitCode == 1, "there is nothing left to be retried")
            let discarded = try await relay.command(["dead-letters", "discard", ids[2], "--json"])
            #expect(discarded.exitCode == 0 && discarded.output.contains("\"count\" : 1"), "\(discarded.output)")
            #expect(try await relay.command(["dead-letters", "discard", ids[2]]).exitCode == 1)

            let events = try await rig.events()
            #expect(events.map(\.id) == ["1", "2"])
            #expect(
                events.allSatisfy { $0.type == "Noted" && $0.headers == "{\"outbox-relay-redelivery\": \"retry\"}" })
            let left = try Self.letters(try await relay.command(["dead-letters", "list", "--json"]))
            #expect(left.map(\.eventID) == ["4"])
            let all = try Self.letters(try await relay.command(["dead-letters", "list", "--all", "--json"]))
            #expect(all.map(\.state) == ["dead", "discarded", "retried", "retried"])
            #expect(try await relay.command(["dead-letters", "retry", "--all"]).exitCode == 0)
            #expect(try await rig.events().map(\.id) == ["1", "2", "4"])

            // A retried event is one of the stream's: it goes on behind it.
            try await rig.insert([["_id": 5, "kind": "Noted", "payload": 5]])
            try await rig.waitForRows(4)
            let positions = try await rig.events().map(\.position)
            #expect(positions == [1, 2, 3, 4])
            #expect(try await relay.command(["dead-letters", "retry"]).exitCode == 64, "neither ids nor --all")
        }

        @Test("a command for which no relay runs says so and withdraws its request", .timeLimit(.minutes(10)))
        func noRelay() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            try await rig.insert([["_id": 1, "payload": 1]])
            try await rig.waitForDeadLetters(1)
            await relay.terminate()
            let answer = try await rig.command(["dead-letters", "retry", "--all"])
            #expect(answer.exitCode == 69)
            #expect(answer.error.contains("no relay answered"), "\(answer.error)")
            #expect(try await rig.value("SELECT state FROM outbox_relay.requests") == "expired")
        }

        @Test("SOURCE_ON_POISON=halt stops before the document and goes on behind a corrected mapping")
        func halt() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(["SOURCE_ON_POISON": "halt"])
            try await rig.insert([
                outboxDocument(1, payload: 1), ["_id": 2, "kind": "Noted", "type": 5, "payload": 2],
                outboxDocument(3, payload: 3),
            ])
            try await relay.waitUntil("halted") { $0.state == "halted" }
            try await rig.waitForRows(1)
            #expect(try await rig.events().map(\.id) == ["1"])
            #expect(try await rig.deadLetters().isEmpty)
            #expect(try await rig.status(of: relay).why?.contains("SOURCE_ON_POISON") == true)
            await relay.terminate()
            relay.setVariable("SOURCE_ON_POISON", to: nil)
            try await relay.start()
            try await rig.waitForRows(2)
            #expect(try await rig.events().map(\.id) == ["1", "3"])
            #expect(try await rig.deadLetters().map(\.eventID) == ["2"])
        }

        private struct Letter: Decodable {
            var id: Int
            var eventID: String?
            var key: String?
            var reasonCode: String
            var state: String
        }

        private static func letters(_ result: CommandResult) throws -> [Letter] {
            #expect(result.exitCode == 0, "\(result.error)")
            return try JSONDecoder().decode([Letter].self, from: Data(result.output.utf8))
        }

        private typealias NoEvent = (document: BSONDocument, code: String, word: String)

        /// A string of bytes that are not UTF-8, as a careless driver stores it.
        private static let broken = BSONValue.other(.string, [4, 0, 0, 0, 0x61, 0xFF, 0x62, 0])

        /// In the order of their ids.
        private static func noEvents(_ prefix: String) -> [NoEvent] {
            noEvents.enumerated().map { number, fields in
                let id = "\(prefix)-\(number + 100)"
                return (BSONDocument([("_id", .string(id))] + fields.0), fields.1, fields.2)
            }
        }

        private static let noEvents: [([(String, BSONValue)], String, String)] = [
            ([("payload", 1)], "missing-field", "'type'"),
            ([("type", nil), ("payload", 1)], "missing-field", "'type'"),
            ([("type", 5), ("payload", 1)], "invalid-field", "'type'"),
            ([("type", ""), ("payload", 1)], "invalid-field", "'type'"),
            ([("type", "t")], "missing-field", "'payload'"),
            ([("type", "t"), ("payload", 1), ("aggregatetype", 7)], "invalid-field", "'aggregatetype'"),
            ([("type", "t"), ("payload", 1), ("headers", "x")], "invalid-field", "'headers'"),
            ([("type", "t"), ("payload", 1), ("occurredAt", "soon")], "invalid-field", "'occurredAt'"),
            ([("type", "t"), ("payload", 1), ("schemaVersion", true)], "invalid-field", "'schemaVersion'"),
            ([("type", "t"), ("payload", ["text": broken])], "invalid-document", "UTF-8"),
            ([("type", broken), ("payload", 1)], "invalid-document", "UTF-8"),
            ([("type", "t"), ("payload", 1), ("aggregateid", broken)], "invalid-document", "UTF-8"),
            ([("type", "a\0b"), ("payload", 1)], "unstorable", "NUL"),
            ([("type", "t"), ("payload", 1), ("aggregateid", "a\0b")], "unstorable", "NUL"),
            ([("type", "t"), ("payload", 1), ("headers", ["h": "a\0b"])], "unstorable", "NUL"),
            ([("type", "t"), ("payload", 1), ("occurredAt", .date(.max))], "unstorable", "time"),
        ]
    }
}
