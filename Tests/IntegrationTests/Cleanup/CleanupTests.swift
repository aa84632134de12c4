import Foundation
import Logging
import RelayCore
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Cleaning up")
    struct CleanupTests {
        @Test("delete: what two destinations have settled; a paused one is named, a removed one forgotten")
        func delete() async throws {
            let rig = try await Rig()
            let relay = try rig.cleaning(["ledger", "billing"])
            try await relay.start()
            try await relay.waitUntilStreaming()
            // The third is no event: dead-lettered is settled as well.
            try await rig.insert((0..<500).map { outboxDocument(.integer($0), payload: 1) } + [["_id": "poison"]])
            try await rig.waitForEmptyOutbox()
            #expect(try await relay.status().cleanup.cleaned == 501)
            #expect(try await rig.value("SELECT count(*) FROM q_ledger.dead_letters") == "1")

            #expect(try await relay.command(["pause", "billing", "--reason", "a test"]).exitCode == 0)
            try await rig.insert((500..<600).map { outboxDocument(.integer($0), payload: 1) })
            try await QueueChecker(url: rig.url, schema: "q_ledger").waitForRows(600, within: .seconds(30))
            let blocked = try await relay.waitForCleanup { !$0.blockedBy.isEmpty }
            #expect(blocked.state == "blocked")
            #expect(blocked.blockedBy.first?.contains("billing is paused (a test)") == true, "\(blocked.blockedBy)")
            let metrics = try await relay.get("/metrics").body
            #expect(metrics.contains("\noutbox_relay_cleanup_blocked 1\n"))
            #expect(metrics.contains("\noutbox_relay_cleaned_total 501\n"))
            let refused = try await relay.command(["forget", "billing"])
            #expect(refused.exitCode == 1 && refused.error.contains("a relay runs"), "\(refused.error)")
            #expect(try await rig.count() == 100)

            // Without it, as after its removal from the configuration, some minutes later.
            await relay.terminate()
            let alone = try rig.cleaning(["ledger"])
            try await alone.start()
            try await alone.waitUntilStreaming()
            try await rig.age(pipeline: "shop/billing")
            try await waiting(for: "a warning of what nobody configures", within: .seconds(10)) {
                alone.logText.contains("match no configured name") && alone.logText.contains("shop/billing")
                    ? true : nil
            }
            let answer = try await alone.command(["forget", "billing", "--json"])
            #expect(answer.exitCode == 0 && answer.output.contains("shop/billing"), "\(answer.output)\(answer.error)")
            try await rig.waitForEmptyOutbox()
            #expect(try await alone.command(["forget", "billing"]).exitCode == 1)
        }

        @Test("a destination that is added while another relay cleans gets everything that is there at its start")
        func added() async throws {
            let rig = try await Rig()
            let first = try rig.cleaning(["ledger"])
            try await first.start()
            try await first.waitUntilStreaming()
            let writer = Task {
                for start in stride(from: 0, to: 12_000, by: 50) {
                    try await rig.insert((start..<start + 50).map { outboxDocument(.integer($0), payload: 1) })
                }
            }
            defer { writer.cancel() }
            try await first.waitForCleanup { $0.cleaned > 1000 }
            // Several, one after the other: each is a race of its own.
            var relays: [RelayProcess] = []
            for number in 1...4 {
                let relay = try rig.cleaning(["ledger"] + (1...number).map { "extra\($0)" })
                try await relay.start()
                try await relay.waitUntil("streaming or standing by", within: .seconds(60)) { pipeline in
                    pipeline.state == "streaming" || pipeline.why?.contains("standing by") == true
                }
                relays.append(relay)
            }
            try await writer.value
            try await rig.waitForEmptyOutbox(within: .seconds(90))
            for number in 1...4 {
                // Whatever had gone before its registration it never owed; from the first that it has on, all.
                let ids = try await rig.sql("SELECT event_id FROM q_extra\(number).events").rows
                    .compactMap { $0[0].flatMap { Int($0) } }
                let lowest = try #require(ids.min())
                #expect(Set(ids).count == ids.count)
                // Ids grow with time, and the backlog begins at the oldest document left.
                #expect(
                    ids.count == 12_000 - lowest,
                    "extra\(number) lacks \(12_000 - lowest - ids.count) from \(lowest) on")
            }
        }

        @Test("mark: settledAt is set once, setup makes the TTL index, check says what is missing")
        func mark() async throws {
            let rig = try await Rig()
            let variables = ["SOURCE_CLEANUP": "mark"]
            try await rig.insert((0..<50).map { outboxDocument(.integer($0), payload: 1) })
            let before = try await rig.command(["check"], variables)
            #expect(
                before.output.contains("no index of \(rig.database).outbox begins with settledAt"), "\(before.output)")
            #expect(before.output.contains("settled events in \(rig.database).outbox can be cleaned up"))
            let printed = try await rig.command(["setup", "--print"], variables).output
            #expect(printed.contains("createIndex({settledAt: 1}"), "\(printed)")
            for _ in 1...2 { #expect(try await rig.command(["setup"], variables).exitCode == 0) }
            let indexes = try await rig.run(["listIndexes": "outbox"])[path: "cursor.firstBatch"]?.array ?? []
            #expect(indexes.compactMap { $0.document?["expireAfterSeconds"]?.int } == [7 * 86_400])
            let after = try await rig.command(["check"], variables)
            #expect(after.output.contains("keeps marked documents for 604800 s"), "\(after.output)")

            let relay = try await rig.streamingRelay(variables)
            try await rig.insert((50..<100).map { outboxDocument(.integer($0), payload: 1) })
            func marks() async throws -> [Int64] {
                try await rig.find(sort: ["_id": 1]).compactMap { $0["settledAt"]?.date }
            }
            try await waiting(for: "100 marks", within: .seconds(40)) { try await marks().count == 100 ? true : nil }
            let first = try await marks()
            try await rig.insert([outboxDocument(100, payload: 1)])
            try await waiting(for: "one more mark", within: .seconds(40)) {
                try await marks().count == 101 ? true : nil
            }
            #expect(Array(try await marks().prefix(100)) == first, "a mark is never moved")
            #expect(try await rig.events().count == 101)
            #expect(try await relay.status().cleanup.cleaned == 101)
        }

        @Test("embedded arrays: what was settled is pulled, what was pushed since stays")
        func embedded() async throws {
            let rig = try await Rig()
            func order(_ id: Int, _ events: [BSONValue]) -> BSONDocument {
                ["_id": .integer(id), "outbox": .array(events.map { ["_id": $0, "type": "Noted"] })]
            }
            try await rig.insert((0..<250).map { order($0, ["a", "b"]) } + [order(250, [])], into: "orders")
            let time = try #require(
                try await rig.run(["find": "orders", "limit": 1, "readConcern": ["level": "snapshot"]])[
                    path: "cursor.atClusterTime"]?.timestamp)
            let endpoint = MongoEndpoint(
                uri: rig.servers.mongo.uri(database: rig.database), database: rig.database,
                stateDatabase: rig.database, collection: "orders")
            // Afterwards, by the service: not settled.
            try await rig.run([
                "update": "orders",
                "updates": [["q": ["_id": 7], "u": ["$push": ["outbox": ["_id": "c", "type": "Noted"]]]]],
            ])
            let logger = Logger(label: "test")
            let registrar = PipelineRegistrar(
                .init(endpoint: endpoint, collections: ["orders"], pipelines: ["shop/one"], holder: "test"),
                logger: logger)
            var checkpoint = Checkpoint()
            checkpoint.clusterTime = ClusterTime(seconds: time.seconds, increment: time.increment).next
            try await registrar.registration(of: "shop/one").forPipeline.begin(
                after: StoredState(stream: 0, position: 0, revision: 0, checkpoint: checkpoint, paused: nil))
            let status = RelayStatus(name: "shop", version: "0", pipelines: [], progress: LoopProgress())
            let cleaner = Cleaner(
                .init(
                    endpoint: endpoint, collections: ["orders"], mode: .delete,
                    layout: .embedded(path: "outbox", idField: "_id"), holder: "test"),
                status: status, logger: logger)
            let running = Task { await cleaner.run() }
            defer { running.cancel() }
            try await waiting(for: "500 elements to go", within: .seconds(30)) {
                status.cleanup.cleaned >= 500 ? true : nil
            }
            let orders = try await rig.find("orders", sort: ["_id": 1])
            let left = orders.filter { $0["outbox"]?.array?.isEmpty == false }
            #expect(left.map { $0["_id"]?.int } == [7])
            #expect(left.first?[path: "outbox.0._id"]?.string == "c")
            #expect(Set(orders.compactMap { $0["outboxRelayCleaned"]?.uuid }).count == 250, "each pull has its mark")
            #expect(orders.last?["outboxRelayCleaned"] == nil)
        }
    }
}

extension Rig {
    /// A relay called `shop` that deletes what is settled, with a queue's schema for each of `names`.
    func cleaning(_ names: [String], _ more: [String: String] = [:]) throws -> RelayProcess {
        var variables = [
            "RELAY_NAME": "shop", "SOURCE_CLEANUP": "delete", "DESTINATIONS": names.joined(separator: ","),
        ].merging(more) { $1 }
        for name in names {
            variables["DESTINATION_\(name.uppercased())_URL"] = url
            variables["DESTINATION_\(name.uppercased())_SCHEMA"] = "q_\(name)"
        }
        return try relayWithout(["DESTINATION_URL"], variables)
    }

    /// How many documents the outbox holds.
    func count() async throws -> Int { try await run(["count": "outbox"])["n"]?.int ?? 0 }

    func waitForEmptyOutbox(within limit: Duration = .seconds(45)) async throws {
        var last = 0
        do {
            try await waiting(for: "an empty outbox", within: limit, every: .milliseconds(100)) {
                last = try await count()
                return last == 0 ? true : nil
            }
        } catch let error as TestingError {
            throw TestingError("\(error) (there were \(last) documents)")
        }
    }

    /// Lets it look as if no relay had run a pipeline for minutes.
    func age(pipeline: String) async throws {
        try await run([
            "update": "outbox_relay_pipelines",
            "updates": [
                [
                    "q": ["_id.pipeline": .string(pipeline)],
                    "u": [["$set": ["updatedAt": ["$subtract": ["$updatedAt", .int64(120_000)]]]]], "multi": true,
                ]
            ],
        ])
    }
}

extension RelayProcess {
    /// Waits until what `/status` says of cleaning up fulfils a condition.
    @discardableResult
    func waitForCleanup(
        within limit: Duration = .seconds(40), _ condition: (RelayReport.Cleanup) -> Bool
    ) async throws -> RelayReport.Cleanup {
        try await waiting(for: "the cleaner", within: limit, every: .milliseconds(50)) {
            let cleanup = try await status().cleanup
            return condition(cleanup) ? cleanup : nil
        }
    }
}
