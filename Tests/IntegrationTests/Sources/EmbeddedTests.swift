import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Sources {
    /// Events in an array of the aggregate document.
    @Suite("embedded")
    struct Embedded {
        static let settings = ["SOURCE_KIND": "embedded", "SOURCE_COLLECTIONS": "orders"]

        static func element(_ id: Int) -> BSONValue {
            ["_id": .integer(id), "type": "OrderChanged", "payload": ["n": .integer(id)]]
        }

        static func elements(_ ids: some Sequence<Int>) -> BSONValue { .array(ids.map { element($0) }) }

        static func update(_ id: BSONValue, _ change: BSONValue, in collection: String = "orders") -> BSONDocument {
            ["update": .string(collection), "updates": [["q": ["_id": id], "u": change]]]
        }

        static func push(_ ids: some Sequence<Int>, to order: String) -> BSONDocument {
            update(.string(order), ["$push": ["outbox": ["$each": elements(ids)]], "$inc": ["version": 1]])
        }

        @Test("every way to write an array brings each new element once", .timeLimit(.minutes(10)))
        func writes() async throws {
            let rig = try await Rig()
            // There before the start.
            try await rig.insert([["_id": "a", "outbox": Self.elements([1, 2])], ["_id": "none"]], into: "orders")
            let relay = try await rig.streamingRelay(Self.settings)
            try await rig.insert([["_id": "b", "outbox": Self.elements([1])]], into: "orders")
            try await rig.run(Self.update("a", ["$push": ["outbox": Self.element(3)]]))
            try await rig.run(Self.push([4, 5, 6], to: "a"))
            try await rig.run(Self.update("b", ["$set": ["outbox": Self.elements([1, 2, 3])]]))
            try await rig.run(Self.update("b", ["_id": "b", "state": "replaced", "outbox": Self.elements([3, 4])]))
            // An update by a pipeline: appended to the end, and within.
            try await rig.run(
                Self.update("a", [["$set": ["outbox": ["$concatArrays": ["$outbox", Self.elements([7, 8])]]]]]))
            try await rig.run(Self.update("a", ["$set": ["outbox.0.seen": true]]))
            // Removals by the service.
            try await rig.run(Self.update("a", ["$pop": ["outbox": -1]]))
            try await rig.run(Self.update("a", ["$pull": ["outbox": ["_id": 4]]]))
            try await rig.run(Self.update("a", [["$set": ["outbox": ["$slice": ["$outbox", 1, 100]]]]]))
            try await rig.run(
                Self.update(
                    "a",
                    [
                        ["$set": ["outbox": ["$concatArrays": [["$slice": ["$outbox", 1, 100]], Self.elements([9])]]]]
                    ]))
            try await rig.run(Self.update("a", ["$push": ["outbox": ["$each": [Self.element(10)], "$position": 0]]]))
            try await rig.run(Self.update("none", ["$push": ["outbox": Self.element(1)]]))
            try await rig.run(Self.update("b", ["$unset": ["outbox": 1]]))
            try await rig.run(["delete": "orders", "deletes": [["q": ["_id": "b"], "limit": 1]]])
            try await rig.waitForRows(15)
            let events = try await rig.events()
            let ofA = events.filter { $0.key == "a" }.map(\.id)
            #expect(ofA == (1...10).map { "a:\($0)" }, "\(ofA)")
            #expect(events.filter { $0.key == "b" }.map(\.id) == (1...4).map { "b:\($0)" })
            #expect(events.last?.id == "none:1" && events.allSatisfy { $0.topic == "orders" })
            #expect(try await rig.deadLetters().isEmpty)
            await relay.terminate()
        }

        @Test(
            "transactions, nested paths, several collections, and elements that are no events", .timeLimit(.minutes(10))
        )
        func shapes() async throws {
            let rig = try await Rig()
            for name in ["orders", "carts"] { try await rig.run(["create": .string(name)]) }
            try await rig.insert([["_id": "a", "meta": ["events": []]], ["_id": "t"]], into: "orders")
            let relay = try await rig.streamingRelay([
                "SOURCE_KIND": "embedded", "SOURCE_COLLECTIONS": "orders,carts", "SOURCE_EVENTS_PATH": "meta.events",
            ])
            func push(_ id: Int) -> BSONValue { ["$push": ["meta.events": Self.element(id)]] }
            try await rig.run(Self.update("a", push(1)))
            try await rig.insert([["_id": "c", "meta": ["events": Self.elements([1])]]], into: "carts")
            try await rig.run(Self.update("a", ["$set": ["meta": ["events": Self.elements([1, 2]), "x": 1]]]))
            let writer = rig.servers.mongo.connect()
            try await writer.startTransaction()
            for change in [
                Self.update("a", push(3)), Self.update("c", push(2), in: "carts"),
                Self.update("a", ["$push": ["meta.events": ["$each": [Self.element(4)], "$position": 0]]]),
                Self.update("a", push(5)),
            ] {
                _ = try await writer.run(change, on: rig.database, inSession: true)
            }
            try await writer.commitTransaction()
            try await rig.waitForRows(7)
            let events = try await rig.events()
            #expect(Set(events.filter { $0.key == "a" }.map(\.id)) == Set((1...5).map { "a:\($0)" }))
            #expect(events.count == 7 && events.filter { $0.topic == "carts" }.map(\.id) == ["c:1", "c:2"])
            let bad: BSONValue = ["$each": [5, ["_id": 6, "payload": 1], ["type": "T", "payload": 1]]]
            try await rig.run(Self.update("a", ["$push": ["meta.events": bad]]))
            try await rig.waitForDeadLetters(3)
            #expect(try await rig.deadLetters().map(\.code) == ["invalid-field", "missing-field", "missing-field"])
            // A mapping that is changed between two starts holds for what comes then.
            await relay.terminate()
            relay.setVariable("SOURCE_FIELD_TYPE", to: "payload.kind")
            try await rig.run(
                Self.update("a", ["$push": ["meta.events": ["_id": 7, "type": "T", "payload": ["kind": "Seven"]]]]))
            try await relay.start()
            try await rig.waitForRows(8)
            let last = try await rig.events().last
            #expect(last?.id == "a:7" && last?.type == "Seven")
        }

        @Test(
            "elements that are rewritten or shifted in place are not new, before and after a restart",
            .timeLimit(.minutes(10)))
        func rewritten() async throws {
            let rig = try await Rig()
            try await rig.run(["create": "orders"])
            let relay = try await rig.streamingRelay(Self.settings)
            func rewrite(_ place: Int, _ id: Int) async throws {
                let element: BSONDocument = ["_id": .integer(id), "type": "OrderChanged", "payload": ["again": true]]
                try await rig.run(Self.update("a", ["$set": ["outbox.\(place)": .document(element)]]))
            }
            try await rig.insert([["_id": "a", "outbox": Self.elements([1, 2])]], into: "orders")
            try await rig.run(Self.push([3], to: "a"))
            try await rewrite(0, 1)
            try await rewrite(2, 3)
            try await rig.waitForRows(3)
            await relay.kill()
            try await relay.start()
            try await relay.waitUntilStreaming()
            try await rewrite(1, 2)
            // A new element in the place of an old one, and one behind them.
            try await rewrite(0, 4)
            try await rig.run(Self.push([5], to: "a"))
            try await rewrite(2, 3)
            try await rig.run(Self.push([6], to: "a"))
            try await rig.waitForRows(6)
            #expect(try await rig.events().map(\.id) == (1...6).map { "a:\($0)" })
            #expect(try await rig.deadLetters().isEmpty)
            await relay.terminate()
        }

        @Test(
            "random writes, clean-up and SIGKILL: each element exactly once, in order by document",
            .timeLimit(.minutes(10)))
        func random() async throws {
            let rig = try await Rig()
            let orders = (0..<12).map { "o\($0)" }
            try await rig.insert(orders.map { ["_id": .string($0), "outbox": []] }, into: "orders")
            let relay = try await rig.streamingRelay(
                Self.settings.merging(["SOURCE_CLEANUP": "delete", "RELAY_LEASE_TTL": "1s"]) { $1 })
            var next = [Int](repeating: 1, count: orders.count)
            for step in 1...600 {
                let which = Int.random(in: 0..<orders.count)
                let ids = next[which]..<next[which] + Int.random(in: 1...4)
                next[which] = ids.upperBound
                let append: BSONValue = ["$concatArrays": [["$ifNull": ["$outbox", []]], Self.elements(ids)]]
                switch Int.random(in: 0..<8) {
                case 0: try await rig.run(Self.update(.string(orders[which]), [["$set": ["outbox": append]]]))
                case 1:
                    // Appends with a limit: the whole array is sent.
                    try await rig.run(
                        Self.update(
                            .string(orders[which]),
                            ["$push": ["outbox": ["$each": Self.elements(ids), "$slice": -1000]]]))
                default: try await rig.run(Self.push(ids, to: orders[which]))
                }
                if step % 120 == 0 {
                    await relay.kill()
                    try await relay.start()
                }
            }
            let total = next.reduce(0) { $0 + $1 - 1 }
            try await rig.waitForRows(total, within: .seconds(60))
            let events = try await rig.events()
            #expect(events.count == total)
            for (number, order) in orders.enumerated() {
                let ids = events.filter { $0.key == order }.map(\.id)
                #expect(ids == (1..<next[number]).map { "\(order):\($0)" }, "\(order)")
            }
            try await waiting(for: "empty arrays", within: .seconds(60)) {
                try await rig.find("orders", sort: ["_id": 1]).allSatisfy { ($0["outbox"]?.array ?? []).isEmpty }
                    ? true : nil
            }
            #expect(try await rig.events().count == total, "our own clean-up publishes nothing")
        }
    }
}
