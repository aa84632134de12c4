import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Sources {
    /// The oplog is gone, or the collection.
    @Suite("history and collections that are lost", .serialized)
    struct History {
        /// Writes to another collection until the oplog no longer holds what it held.
        private static func rollOver(_ rig: Rig) async throws {
            let before = try await rig.oldestInOplog()
            let marker = try await rig.servers.mongo.run(["hello": 1], on: "admin")["operationTime"]?.timestamp
            let text = BSONValue.string(String(repeating: "x", count: 1 << 20))
            try await waiting(for: "the oplog to roll over", within: .seconds(120)) {
                for _ in 0..<8 { try await rig.insert([["text": text]], into: "filler") }
                guard let now = try await rig.oldestInOplog(), now != before, let marker else { return nil as Bool? }
                return (now.seconds, now.increment) > (marker.seconds, marker.increment) ? true : nil
            }
        }

        private static func small(_ body: (TestServers) async throws -> Void) async throws {
            try await TestServers.with(mongo: .shortOplog, body)
        }

        @Test("an oplog that rolled over is made up for from the outbox, exactly once", .timeLimit(.minutes(10)))
        func rescan() async throws {
            try await Self.small { servers in
                let rig = try await Rig(on: servers)
                let relay = try await rig.streamingRelay()
                try await rig.insert((0..<200).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
                try await rig.insert([["_id": "bad", "payload": 1]])
                try await rig.waitForRows(200)
                try await rig.waitForDeadLetters(1)
                await relay.terminate()
                try await rig.insert((200..<500).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
                try await Self.rollOver(rig)
                try await relay.start()
                try await rig.waitForRows(500, within: .seconds(60))
                try await relay.waitUntilStreaming()
                try await rig.insert((500..<510).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
                try await rig.waitForRows(510)
                #expect(Set(try await rig.events().map(\.id)) == Set((0..<510).map { "\($0)" }))
                #expect(try await rig.deadLetters().count == 1, "what was given up on is not given up on again")
                let status = try await relay.get("/status").body
                #expect(status.contains("\"historyGap\" : {") || status.contains("\"historyGap\": {"), "\(status)")
                let gaps = try await rig.find("outbox_relay_gaps", sort: ["_id": 1])
                #expect(gaps.count == 1 && gaps[0]["policy"]?.string == "rescan")
                await relay.terminate()
            }
        }

        @Test("what is marked as settled is not read again, whatever became of its rows", .timeLimit(.minutes(10)))
        func marked() async throws {
            try await Self.small { servers in
                let rig = try await Rig(on: servers)
                let relay = try await rig.streamingRelay(["SOURCE_CLEANUP": "mark"])
                try await rig.insert((0..<50).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
                try await waiting(for: "marks", within: .seconds(60)) {
                    try await rig.find(sort: ["_id": 1]).allSatisfy { $0["settledAt"]?.date != nil } ? true : nil
                }
                await relay.terminate()
                // As when the queue's retention has passed.
                try await rig.sql("DELETE FROM outbox_relay.events")
                try await rig.insert((50..<60).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
                try await Self.rollOver(rig)
                try await relay.start()
                try await rig.waitForRows(10, within: .seconds(60))
                #expect(Set(try await rig.events().map(\.id)) == Set((50..<60).map { "\($0)" }))
                await relay.terminate()
            }
        }

        @Test("changes halt at a gap and name it, and skip it when they are told to", .timeLimit(.minutes(10)))
        func haltAndSkip() async throws {
            try await Self.small { servers in
                let rig = try await Rig(on: servers)
                let relay = try await rig.streamingRelay(Changes.settings)
                try await rig.insert([["_id": "a", "total": 1]], into: "orders")
                try await rig.waitForRows(1)
                await relay.terminate()
                try await rig.insert([["_id": "lost", "total": 2]], into: "orders")
                try await Self.rollOver(rig)
                try await relay.start()
                try await relay.waitUntil("halted") { $0.state == "halted" }
                let why = try await relay.status().pipelines.first?.why ?? ""
                #expect(why.contains("the oplog no longer reaches back") && why.contains("SOURCE_ON_HISTORY_LOST=skip"))
                #expect(try await relay.get("/metrics").body.contains("outbox_relay_history_gap_seconds{"))
                #expect(relay.logText.contains("gap.from"))
                await relay.terminate()
                relay.setVariable("SOURCE_ON_HISTORY_LOST", to: "skip")
                try await relay.start()
                try await relay.waitUntilStreaming()
                try await rig.insert([["_id": "b", "total": 3]], into: "orders")
                try await rig.waitForRows(2)
                #expect(try await rig.events().map(\.key) == ["a", "b"])
                let gaps = try await rig.find("outbox_relay_gaps", sort: ["_id": 1])
                // So small an oplog may lose its place once more before the stream is open again.
                #expect(
                    !gaps.isEmpty && gaps.allSatisfy { $0["policy"]?.string == "skip" && $0["to"]?.timestamp != nil })
                await relay.terminate()
            }
        }

        @Test("error 286 in the middle of streaming is made up for as well", .timeLimit(.minutes(10)))
        func failPoint() async throws {
            try await TestServers.with { servers in
                let rig = try await Rig(on: servers)
                let relay = try await rig.streamingRelay()
                for round in 0..<5 {
                    let numbers = round * 100..<round * 100 + 100
                    try await servers.mongo.failCommands(["getMore"], times: 1, errorCode: 286)
                    try await rig.insert(numbers.map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
                    try await rig.waitForRows(numbers.upperBound, within: .seconds(60))
                }
                try await servers.mongo.healCommands()
                let ids = try await rig.events().map(\.id)
                #expect(ids.count == 500 && Set(ids).count == 500)
                await relay.terminate()
            }
        }

        @Test(
            "collections dropped, renamed and made again under load: what was committed arrives",
            .timeLimit(.minutes(10)))
        func dropAndRename() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay([
                "SOURCE_KIND": "changes", "SOURCE_COLLECTIONS": "orders,carts",
            ])
            var expected = 0
            for round in 0..<6 {
                for name in ["orders", "carts"] {
                    try await rig.insert((0..<50).map { ["_id": .string("r\(round)-\($0)")] }, into: name)
                    expected += 50
                }
                switch round % 3 {
                case 0: try await rig.run(["drop": "orders"])
                case 1:
                    _ = try await rig.servers.mongo.run(
                        [
                            "renameCollection": .string("\(rig.database).carts"),
                            "to": .string("\(rig.database).old\(round)"),
                        ], on: "admin")
                default:
                    await relay.kill()
                    try await relay.start()
                }
            }
            try await rig.waitForRows(expected, within: .seconds(60))
            let events = try await rig.events()
            #expect(events.count == expected && Set(events.map(\.id)).count == expected)
            #expect(events.allSatisfy { $0.type.hasSuffix(".created") })
        }

        @Test("SOURCE_ON_INVALIDATE=halt stops behind a dropped collection of several", .timeLimit(.minutes(10)))
        func haltOnDrop() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay([
                "SOURCE_KIND": "changes", "SOURCE_COLLECTIONS": "orders,carts", "SOURCE_ON_INVALIDATE": "halt",
            ])
            try await rig.insert([["_id": "a"]], into: "orders")
            try await rig.run(["drop": "orders"])
            try await rig.insert([["_id": "b"]], into: "carts")
            try await relay.waitUntil("halted") { $0.state == "halted" }
            #expect(try await rig.events().map(\.key) == ["a"])
            let resumed = try await relay.command(["resume"])
            #expect(resumed.exitCode == 0, "\(resumed.error)")
            try await rig.waitForRows(2)
            #expect(try await rig.events().map(\.key) == ["a", "b"])
        }
    }
}
