import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    /// Every kind of source against real servers.
    @Suite("Sources")
    enum Sources {}
}

extension Integration.Sources {
    @Suite("changes")
    struct Changes {
        /// The payload of a change, as far as the tests look at it.
        struct Payload: Decodable {
            struct Order: Decodable, Equatable {
                var _id: String?
                var state: String?
                var total: Int?
            }
            struct Transaction: Decodable {
                var id: String
                var order: Int
            }
            var operation: String
            var collection: String
            var documentKey: Order
            var after: Order?
            var before: Order?
            var updatedFields: Order?
            var removedFields: [String]?
            var missing: [String]?
            var truncated: Bool?
            var snapshot: Bool?
            var transaction: Transaction?

            static func of(_ event: QueueEvent) throws -> Payload {
                try JSONDecoder().decode(Payload.self, from: Data(event.payload.utf8))
            }
        }

        static func update(_ id: BSONValue, _ change: BSONValue, in collection: String = "orders") -> BSONDocument {
            ["update": .string(collection), "updates": [["q": ["_id": id], "u": change]]]
        }

        static let settings = ["SOURCE_KIND": "changes", "SOURCE_COLLECTIONS": "orders"]

        @Test("each operation is an event with what changed", .timeLimit(.minutes(10)))
        func operations() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(Self.settings)
            try await rig.insert([["_id": "a", "state": "new", "total": 5]], into: "orders")
            try await rig.run(Self.update("a", ["$set": ["state": "paid"], "$unset": ["total": 1]]))
            try await rig.run(Self.update("a", ["state": "sent"]))
            try await rig.run(["delete": "orders", "deletes": [["q": ["_id": "a"], "limit": 1]]])
            try await rig.insert([["_id": "x", "state": "other"]], into: "carts")
            try await rig.waitForRows(4)
            let events = try await rig.events()
            #expect(events.map(\.type) == ["orders.created", "orders.updated", "orders.replaced", "orders.deleted"])
            #expect(events.allSatisfy { $0.topic == "orders" && $0.key == "a" })
            #expect(Set(events.map(\.id)).count == 4 && events.allSatisfy { $0.id.count == 32 })
            let payloads = try events.map(Payload.of)
            #expect(payloads.map(\.operation) == ["created", "updated", "replaced", "deleted"])
            #expect(payloads[0].after == .init(_id: "a", state: "new", total: 5))
            #expect(payloads[1].updatedFields?.state == "paid" && payloads[1].removedFields == ["total"])
            #expect(payloads[3].after == nil && payloads[3].missing == nil)
            #expect(payloads.allSatisfy { $0.before == nil && $0.documentKey._id == "a" && $0.collection == "orders" })
            await relay.terminate()
        }

        @Test("an image that is gone is said to be missing, and nothing is left out", .timeLimit(.minutes(10)))
        func missingImage() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(Self.settings)
            await relay.terminate()
            try await rig.insert([["_id": "a", "state": "new"]], into: "orders")
            try await rig.run(Self.update("a", ["$set": ["state": "paid"]]))
            try await rig.run(["delete": "orders", "deletes": [["q": ["_id": "a"], "limit": 1]]])
            try await relay.start()
            try await rig.waitForRows(3)
            let payloads = try await rig.events().map(Payload.of)
            #expect(payloads[1].after == nil && payloads[1].missing == ["after"])
            #expect(payloads[1].updatedFields?.state == "paid")
        }

        @Test("setup lets collections keep images, check says so, and events carry both", .timeLimit(.minutes(10)))
        func images() async throws {
            let rig = try await Rig()
            let settings = Self.settings.merging(["SOURCE_IMAGES": "pre-and-post"]) { $1 }
            try await rig.run(["create": "orders"])
            let before = try await rig.command(["check"], settings)
            #expect(before.output.contains("keeps no images"), "\(before.output)")
            let setup = try await rig.command(["setup"], settings)
            #expect(setup.exitCode == 0, "\(setup.error)")
            let after = try await rig.command(["check"], settings)
            #expect(after.output.contains("keeps pre- and post-images"), "\(after.output)")
            let relay = try await rig.streamingRelay(settings)
            try await rig.insert([["_id": "a", "state": "new"]], into: "orders")
            try await rig.run(Self.update("a", ["$set": ["state": "paid"]]))
            try await rig.run(Self.update("a", ["$set": ["state": "sent"]]))
            try await rig.run(["delete": "orders", "deletes": [["q": ["_id": "a"], "limit": 1]]])
            try await rig.waitForRows(4)
            let payloads = try await rig.events().map(Payload.of)
            #expect(payloads[1].before?.state == "new" && payloads[1].after?.state == "paid")
            #expect(payloads[2].before?.state == "paid" && payloads[2].after?.state == "sent")
            #expect(payloads[3].before?.state == "sent" && payloads[3].after == nil)
            // Other images between two starts: named, and nothing lost or doubled.
            await relay.terminate()
            try await rig.insert([["_id": "b", "state": "new"]], into: "orders")
            try await rig.run(Self.update("b", ["$set": ["state": "paid"]]))
            relay.setVariable("SOURCE_IMAGES", to: "none")
            try await relay.start()
            try await rig.waitForRows(6)
            let later = try await rig.events().suffix(2).map(Payload.of)
            #expect(later[0].operation == "created" && later[1].after == nil && later[1].updatedFields?.state == "paid")
            #expect(relay.logText.contains("images: pre-and-post → none"), "the change is named")
        }

        @Test("changes of a transaction carry its id and their order, in the whole database", .timeLimit(.minutes(10)))
        func transactions() async throws {
            let rig = try await Rig()
            for name in ["orders", "carts"] { try await rig.run(["create": .string(name)]) }
            _ = try await rig.streamingRelay(["SOURCE_KIND": "changes", "SOURCE_COLLECTIONS": "*"])
            let many = (0..<9999).map { BSONValue.document(["_id": .string("o\($0)"), "total": .integer($0)]) }
            let writer = rig.servers.mongo.connect()
            try await writer.startTransaction()
            _ = try await writer.run(
                ["insert": "orders", "documents": .array(many)], on: rig.database, inSession: true)
            _ = try await writer.run(
                ["insert": "carts", "documents": [["_id": "c"]]], on: rig.database, inSession: true)
            try await writer.commitTransaction()
            try await rig.waitForRows(10_000, within: .seconds(60))
            let payloads = try await rig.events().map(Payload.of)
            #expect(Set(payloads.compactMap(\.transaction?.id)).count == 1)
            #expect(payloads.compactMap(\.transaction?.order) == Array(0..<10_000))
            #expect(payloads.last?.collection == "carts")
        }

        @Test("an update of 6 MB comes whole, with the document and with what changed", .timeLimit(.minutes(10)))
        func largeUpdate() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(Self.settings)
            let text = String(repeating: "u", count: 6 << 20)
            try await rig.insert([["_id": "a", "state": "new"]], into: "orders")
            try await rig.run(Self.update("a", ["$set": ["text": .string(text)]]))
            try await rig.run(Self.update("a", ["$set": ["state": "paid"]]))
            try await rig.waitForRows(3, within: .seconds(60))
            let lengths = try await rig.sql(
                "SELECT length(payload -> 'updatedFields' ->> 'text'), length(payload -> 'after' ->> 'text'), "
                    + "payload ->> 'truncated' FROM outbox_relay.events ORDER BY position"
            ).rows
            #expect(lengths.map { $0[0] } == [nil, "\(text.count)", nil], "\(lengths)")
            #expect(lengths[1][1] == "\(text.count)" && lengths.allSatisfy { $0[2] == nil }, "\(lengths)")
            #expect(try await rig.events().map(\.key) == ["a", "a", "a"])
            await relay.terminate()
        }

        @Test(
            "what was there comes first, of all collections, without a gap or a double under load and SIGKILL",
            .timeLimit(.minutes(10)))
        func snapshot() async throws {
            let rig = try await Rig()
            for name in ["carts", "orders"] {
                try await rig.insert((0..<5000).map { ["_id": .string("s\($0)"), "total": .integer($0)] }, into: name)
            }
            let relay = try rig.relay([
                "SOURCE_KIND": "changes", "SOURCE_COLLECTIONS": "carts,orders", "SOURCE_SNAPSHOT": "initial",
                "RELAY_BATCH_EVENTS": "500",
            ])
            try await relay.start()
            for round in 0..<10 {
                for name in ["orders", "carts"] {
                    try await rig.insert(
                        (0..<100).map { ["_id": .string("n\(round)-\($0)"), "total": .integer($0)] }, into: name)
                }
                if round % 3 == 1 {
                    await relay.kill()
                    try await relay.start()
                }
            }
            try await rig.waitForRows(12_000, within: .seconds(90))
            let events = try await rig.events()
            #expect(events.count == 12_000)
            #expect(Set(events.map { "\($0.topic)/\($0.key)" }).count == 12_000)
            #expect(try events.filter { try Payload.of($0).snapshot == true }.count >= 10_000)
        }

        @Test(
            "a change too large for the server comes truncated, and what is around it whole", .timeLimit(.minutes(10)))
        func oversized() async throws {
            let rig = try await Rig()
            let settings = Self.settings.merging(["SOURCE_IMAGES": "pre-and-post"]) { $1 }
            try await rig.run(["create": "orders", "changeStreamPreAndPostImages": ["enabled": true]])
            let relay = try await rig.streamingRelay(settings)
            let megabytes = { (count: Int, letter: String) in
                BSONValue.string(String(repeating: letter, count: count << 20))
            }
            try await rig.insert([["_id": "small", "state": "new"]], into: "orders")
            try await rig.insert([["_id": "large", "text": megabytes(9, "a")]], into: "orders")
            try await rig.run(Self.update("large", ["$set": ["text": megabytes(9, "b")]]))
            try await rig.run(Self.update("small", ["$set": ["state": "paid"]]))
            try await rig.insert(
                [["_id": "whole", "text": .string(String(repeating: "c", count: 16_700_000))]], into: "orders")
            try await rig.run(Self.update("small", ["$set": ["state": "sent"]]))
            try await rig.waitForRows(6, within: .seconds(90))
            let events = try await rig.sql(
                "SELECT type, key, (payload ->> 'truncated'), length(payload::text) FROM outbox_relay.events "
                    + "ORDER BY position"
            ).rows
            #expect(events.map { $0[1] } == ["small", "large", "large", "small", "whole", "small"])
            #expect(events.map { $0[2] } == [nil, nil, "true", nil, nil, nil])
            #expect(Int(events[4][3] ?? "") ?? 0 > 16_700_000)
            #expect(try await relay.status().pipelines.first?.restarts == 0)
        }
    }
}
