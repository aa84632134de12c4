import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Sources {
    /// Outbox documents that name the document which holds their payload.
    @Suite("payloads elsewhere")
    struct References {
        private static func event(_ id: Int, of order: BSONValue, version: BSONValue? = nil) -> BSONDocument {
            var reference: BSONDocument = ["collection": "orders", "id": order]
            if let version { reference = reference.appending("version", version) }
            return [
                "_id": .integer(id), "aggregatetype": "orders", "aggregateid": order, "type": "OrderPlaced",
                "payloadRef": .document(reference),
            ]
        }

        @Test(
            "the document is read and published; one that is gone or another version is a dead letter",
            .timeLimit(.minutes(10)))
        func references() async throws {
            let rig = try await Rig()
            let relay = try rig.relay(["RELAY_BATCH_EVENTS": "300"])
            try await rig.insert(
                (0..<1000).map {
                    ["_id": .integer($0), "version": 3, "text": .string(String(repeating: "t", count: $0))]
                },
                into: "orders")
            try await rig.insert((0..<500).map { Self.event($0, of: .integer($0), version: .double(3)) })
            try await relay.start()
            try await relay.waitUntilStreaming()
            try await rig.insert((500..<1000).map { Self.event($0, of: .int64(Int64($0))) })
            try await rig.insert([
                Self.event(2000, of: .integer(5000)), Self.event(2001, of: 7, version: 4),
                ["_id": 2002, "type": "T", "payloadRef": "orders/7"], Self.event(2003, of: 7),
            ])
            try await rig.waitForRows(1001, within: .seconds(60))
            let events = try await rig.events()
            #expect(events.map(\.id) == (0..<1000).map { "\($0)" } + ["2003"])
            for event in events.prefix(1000) {
                #expect(event.payload.hasPrefix("{\"_id\":\(event.id),\"version\":3,\"text\":\"t") || event.id == "0")
            }
            try await rig.waitForDeadLetters(3)
            let letters = try await rig.deadLetters()
            #expect(letters.map(\.code) == ["reference-gone", "reference-changed", "invalid-field"], "\(letters)")
            // The document comes after all: a retry reads it anew.
            try await rig.insert([["_id": 5000, "version": 1]], into: "orders")
            let retried = try await relay.command(["dead-letters", "retry", "\(letters[0].id)"])
            #expect(retried.exitCode == 0, "\(retried.output)\(retried.error)")
            try await rig.waitForRows(1002)
            #expect(try await rig.events().last?.payload == "{\"_id\":5000,\"version\":1}")
        }

        @Test(
            "a reference that the server refuses is a dead letter, and what is around it goes on",
            .timeLimit(.minutes(10)))
        func refused() async throws {
            let rig = try await Rig()
            try await rig.insert([["_id": 1, "n": 1]], into: "orders")
            try await rig.run([
                "create": "broken", "viewOn": "orders", "pipeline": [["$project": ["a": ["$divide": [1, 0]]]]],
            ])
            let relay = try await rig.streamingRelay()
            func event(_ id: Int, _ reference: BSONDocument) -> BSONDocument {
                ["_id": .integer(id), "aggregateid": "k", "type": "T", "payloadRef": .document(reference)]
            }
            let text = String(repeating: "c", count: 300)
            try await rig.insert([
                event(1, ["collection": "orders", "id": 1]),
                event(2, ["collection": "orders", "id": ["$oid": "507f1f77bcf86cd799439011"]]),
                event(3, ["collection": "a$b", "id": 1]), event(4, ["collection": .string(text), "id": 1]),
                event(5, ["collection": "system.views", "id": 1]), event(6, ["collection": "orders", "id": [1, 2]]),
                event(7, ["collection": "broken", "id": 1]), event(8, ["collection": "orders", "id": 1]),
            ])
            try await rig.waitForDeadLetters(6)
            try await rig.waitForRows(2)
            #expect(try await rig.events().map(\.id) == ["1", "8"])
            let letters = try await rig.deadLetters()
            #expect(letters.map(\.eventID) == ["2", "3", "4", "5", "6", "7"], "\(letters)")
            await relay.terminate()
        }

        @Test("reads that fail lose and double nothing", .timeLimit(.minutes(10)))
        func failingReads() async throws {
            try await TestServers.with { servers in
                let rig = try await Rig(on: servers)
                let relay = try await rig.streamingRelay()
                try await rig.insert((0..<300).map { ["_id": .integer($0), "n": .integer($0)] }, into: "orders")
                for round in 0..<6 {
                    try await servers.mongo.failCommands(
                        ["find"], times: 2, errorCode: round % 2 == 0 ? 11600 : nil, closesConnection: round % 2 == 1,
                        namespace: "\(rig.database).orders")
                    try await rig.insert((round * 50..<round * 50 + 50).map { Self.event($0, of: .integer($0)) })
                }
                try await rig.waitForRows(300, within: .seconds(60))
                #expect(try await rig.events().map(\.id) == (0..<300).map { "\($0)" })
                #expect(try await rig.deadLetters().isEmpty)
                await relay.terminate()
            }
        }
    }
}
