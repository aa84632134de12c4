import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Audit")
    struct AuditTests {
        private struct Report: Decodable {
            var destination: String
            var events: Int
            var verdicts: [String: Int]
            var lost: [String]
            var unprovable: [String]
        }

        private static func reports(_ result: CommandResult) throws -> [Report] {
            do {
                return try JSONDecoder().decode([Report].self, from: Data(result.output.utf8))
            } catch {
                throw TestingError("audit: \(result.output)\(result.error)")
            }
        }

        private static func counts(_ report: Report) -> [String: Int] { report.verdicts.filter { $0.value > 0 } }

        /// Ids whose time is now, so that no retention explains anything.
        private static func ids(_ count: Int) -> [String] {
            let now = UInt32(Date().timeIntervalSince1970)
            return (0..<count).map {
                String(now, radix: 16) + "00000000" + String(repeating: "0", count: 8 - String($0, radix: 16).count)
                    + String($0, radix: 16)
            }
        }

        private static func document(_ id: String, type: String = "Noted") -> BSONDocument {
            outboxDocument(.objectID(BSONObjectID(id)!), type: type, payload: 1)
        }

        @Test("a queue's events are all accounted for, and a lost one is found", .timeLimit(.minutes(10)))
        func queue() async throws {
            let rig = try await Rig()
            let more = ["DESTINATION_TYPES": "Noted"]
            let relay = try await rig.streamingRelay(more)
            let ids = Self.ids(3000)
            try await rig.insert(ids.dropLast(2).map { Self.document($0) })
            try await rig.insert([
                Self.document(ids[2998], type: "Other"),
                Self.document(ids[2999]).appending(
                    "deliverAfter", .date(Int64(Date().timeIntervalSince1970 + 3600) * 1000)),
                ["_id": "no type", "payload": 1],
            ])
            try await rig.waitForRows(2998)
            try await rig.waitForDeadLetters(1)
            let good = try await rig.command(["audit", "--json"], more)
            #expect(good.exitCode == 0, "\(good.output)\(good.error)")
            let report = try #require(try Self.reports(good).first)
            #expect(report.events == 3001 && report.destination == "default")
            #expect(
                Self.counts(report) == ["delivered": 2998, "filtered": 1, "parked": 1, "dead-lettered": 1],
                "\(report.verdicts)")

            // Somebody deletes two rows; the relay goes on, and then it does not run.
            try await rig.sql("DELETE FROM outbox_relay.events WHERE event_id IN ('\(ids[7])', '\(ids[2000])')")
            let bad = try await rig.command(["audit", "--json"], more)
            #expect(bad.exitCode == 1, "\(bad.output)\(bad.error)")
            #expect(try Self.reports(bad).first?.lost == [ids[7], ids[2000]])
            await relay.terminate()
            try await rig.insert([Self.document(Self.ids(4000)[3500])])
            let without = try #require(try Self.reports(try await rig.command(["audit", "--json"], more)).first)
            #expect(without.verdicts["in-flight"] == 3 && without.lost.isEmpty, "nobody says how far it is")
            // Long before the checkpoint, as far as it may be late: 1 ms.
            let since = try await rig.command(["audit", "--json", "--since", "2100-01-01T00:00:00Z"], more)
            #expect(since.exitCode == 0)
            #expect(try Self.reports(since).first?.events == 1, "the one without a time")
            let text = try await rig.command(["audit"], more)
            #expect(text.output.contains("2996 delivered"), "\(text.output)")
        }

        @Test("of a webhook, what is on record is told, and the rest cannot be proven", .timeLimit(.minutes(10)))
        func webhook() async throws {
            try await HookRig.with { hook in
                let relay = try await hook.streamingRelay()
                hook.receiver.behave(.events(["2"], .refused))
                let later = Int64(Date().timeIntervalSince1970 + 3600) * 1000
                try await hook.rig.insert([
                    outboxDocument(1, key: "a", payload: 1), outboxDocument(2, key: "b", payload: 2),
                    outboxDocument(3, key: "c", payload: 3).appending("deliverAfter", .date(later)),
                    outboxDocument(4, key: "d", payload: 4).appending("settledAt", .date(later)),
                ])
                _ = try await hook.waitForLetters(1, relay)
                try await hook.receiver.waitForAccepted(2)
                try await relay.waitUntil("one parked") { $0.parked == 1 }
                let answer = try await relay.command(["audit", "--json"])
                #expect(answer.exitCode == 0, "\(answer.output)\(answer.error)")
                let report = try #require(try Self.reports(answer).first)
                #expect(
                    Self.counts(report)
                        == ["cannot-be-proven": 1, "dead-lettered": 1, "parked": 1, "delivered": 1],
                    "\(report.verdicts)")
                #expect(report.unprovable == ["1"])
            }
        }
    }
}
