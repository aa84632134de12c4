import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Delayed events")
    struct DelayedTests {
        private static func later(_ duration: Duration) -> Int64 {
            Int64(Date().timeIntervalSince1970 * 1000) + Int64(duration / .milliseconds(1))
        }

        private static func text(_ milliseconds: Int64) -> BSONValue {
            let formatter = ISO8601DateFormatter()
            formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
            return .string(formatter.string(from: Date(timeIntervalSince1970: Double(milliseconds) / 1000)))
        }

        private static func document(_ id: Int, _ deliverAfter: BSONValue?) -> BSONDocument {
            let document = outboxDocument(.integer(id), payload: ["n": .integer(id)])
            return deliverAfter.map { document.appending("deliverAfter", $0) } ?? document
        }

        @Test("into a queue: delivered when it is due, and its key's followers before it", .timeLimit(.minutes(10)))
        func queue() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            let due = Self.later(.seconds(3))
            try await rig.insert([
                Self.document(1, .date(due)), Self.document(2, nil), Self.document(3, .date(due - 100_000)),
                Self.document(4, Self.text(due - 500)), Self.document(5, true),
            ])
            try await rig.waitForRows(2)
            #expect(try await rig.events().map(\.id) == ["2", "3"])
            #expect(try await rig.deadLetters().map(\.code) == ["invalid-field"])
            try await rig.waitForRows(4, settle: .zero)
            let events = try await rig.events()
            #expect(events.map(\.id) == ["2", "3", "4", "1"] && events.map(\.position) == [1, 2, 3, 4])
            #expect(events[2...].allSatisfy { $0.headers == "{\"outbox-relay-redelivery\": \"delayed\"}" })
            #expect(events[3].payload == "{\"n\":1}" && events[3].key == "k")
            let late = try await rig.value(
                "SELECT (extract(epoch FROM enqueued_at) * 1000)::bigint - \(due) FROM outbox_relay.events WHERE event_id = '1'"
            )
            let milliseconds = try #require(late.flatMap { Int($0) })
            #expect((0...2000).contains(milliseconds), "\(milliseconds) ms late")
            #expect(
                try await rig.value(
                    "SELECT count(*) FROM outbox_relay.events WHERE slot <> (SELECT slot FROM outbox_relay.events LIMIT 1)"
                )
                    == "0", "the slot is the key's, as the relay hashes it")
            #expect(try await rig.value("SELECT count(*) FROM outbox_relay.delayed") == "0")
            #expect(relay.isRunning)
        }

        @Test(
            "one that the queue refuses when it is due is a dead letter, and the others come", .timeLimit(.minutes(10)))
        func refused() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            try await rig.sql("ALTER TABLE outbox_relay.events ADD CHECK (payload ->> 'n' <> '7')")
            let due = Self.later(.seconds(1))
            try await rig.insert((1...20).map { Self.document($0, .date(due)) })
            try await rig.waitForRows(19)
            try await rig.waitForDeadLetters(1)
            let letters = try await rig.deadLetters()
            #expect(letters.count == 1 && letters[0].eventID == "7" && letters[0].code == "refused", "\(letters)")
            #expect(try await rig.value("SELECT count(*) FROM outbox_relay.delayed") == "0")
            #expect(try await rig.value("SELECT max(position) FROM outbox_relay.events") == "19")
            // Mended, it can be delivered after all.
            try await rig.sql(
                "DO $$ DECLARE c text; BEGIN SELECT conname INTO c FROM pg_constraint WHERE contype = 'c' "
                    + "AND conrelid = 'outbox_relay.events'::regclass; "
                    + "EXECUTE format('ALTER TABLE outbox_relay.events DROP CONSTRAINT %I', c); END $$")
            let retried = try await relay.command(["dead-letters", "retry", "\(letters[0].id)"])
            #expect(retried.exitCode == 0, "\(retried.output)\(retried.error)")
            try await rig.waitForRows(20)
            #expect(try await rig.events().last?.payload == "{\"n\":7}")
            await relay.terminate()
        }

        @Test("across a kill, each is delivered once", .timeLimit(.minutes(10)))
        func killed() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            let due = Self.later(.seconds(2))
            // Some in one large batch, which goes by COPY.
            try await rig.insert(
                (1...3000).map { Self.document($0, $0 % 2 == 0 ? .date(due + Int64($0 % 7) * 100) : nil) })
            try await rig.waitForRows(1500)
            await relay.kill()
            try await relay.start()
            try await rig.checker.waitForRows(1800, within: .seconds(30))
            await relay.kill()
            try await relay.start()
            try await rig.waitForRows(3000)
            #expect(try await rig.value("SELECT count(DISTINCT event_id) FROM outbox_relay.events") == "3000")
            #expect(try await rig.value("SELECT max(position) FROM outbox_relay.events") == "3000")
        }

        @Test("to a webhook: parked until it is due, across a kill", .timeLimit(.minutes(10)))
        func webhook() async throws {
            try await HookRig.with { hook in
                // A short lease: whoever follows the killed one waits for its end.
                let relay = try await hook.streamingRelay(["RELAY_LEASE_TTL": "1s"])
                let due = Self.later(.seconds(4))
                try await hook.rig.insert([
                    Self.document(1, .date(due)), Self.document(2, nil), Self.document(3, Self.text(due)),
                ])
                try await hook.receiver.waitForAccepted(1)
                try await relay.waitUntil("two parked") { $0.parked == 2 }
                await relay.kill()
                try await relay.start()
                try await hook.receiver.waitForAccepted(3)
                let after = Self.later(.zero)
                #expect(after >= due && after < due + 10_000, "\(after - due) ms late")
                let deliveries = hook.receiver.deliveries()
                #expect(deliveries.first?.id == "2" && deliveries.first?.redelivery == nil)
                #expect(deliveries.dropFirst().allSatisfy { $0.redelivery == "delayed" })
                try await Task.sleep(for: .milliseconds(300))
                #expect(Set(deliveries.map(\.id)) == ["1", "2", "3"])
            }
        }
    }
}
