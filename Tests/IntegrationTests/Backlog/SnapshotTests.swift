import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    /// The server keeps a snapshot for five minutes only; a backlog may take longer.
    @Suite("Snapshot of the backlog", .serialized)
    struct SnapshotTests {
        private static let note = "no longer keeps the backlog's snapshot"

        @Test("the snapshot is refused in the middle of the scan (failCommand)")
        func refused() async throws {
            var options = MongoOptions()
            options.oplogMegabytes = 64
            try await TestServers.with(mongo: options) { servers in
                let rig = try await Rig(on: servers)
                try await rig.insert((0..<8000).map(Self.document))
                let writer = Writer(rig)
                async let inserted = writer.run()
                try await servers.mongo.failCommands(
                    ["getMore"], times: 2, errorCode: 239, namespace: "\(rig.database).outbox")
                let relay = try rig.relay(["RELAY_BATCH_EVENTS": "100"])
                try await relay.start()
                try await relay.waitUntilStreaming(within: .seconds(60))
                writer.stop()
                try await Self.expectExact(rig, 8000 + (try await inserted))
                #expect(relay.logText.contains(Self.note))
            }
        }

        @Test("the snapshot ages off for real while PostgreSQL holds the relay up, and once more")
        func agedOff() async throws {
            var options = MongoOptions()
            options.oplogMegabytes = 64
            options.parameters["minSnapshotHistoryWindowInSeconds"] = "1"
            try await TestServers.with(mongo: options) { servers in
                let rig = try await Rig(on: servers)
                // More than the buffer holds, or the whole scan would be over before the snapshot is.
                let filling = String(repeating: "x", count: 2000)
                let count = 12_000
                try await rig.insert((0..<count).map { Self.document($0, filling: filling) })
                #expect(try await rig.command(["setup"]).exitCode == 0)
                let relay = try rig.relay(["RELAY_BUFFER_BYTES": "4MiB", "RELAY_BATCH_EVENTS": "200"])
                let writer = Writer(rig)
                async let inserted = writer.run()
                try await relay.start()
                for threshold in [1000, 5000] {
                    try await rig.checker.waitForRows(threshold, within: .seconds(60))
                    let lock = servers.postgres.connect(database: rig.database, name: "lock")
                    _ = try await lock.query(.init("BEGIN"))
                    _ = try await lock.query(.init("LOCK TABLE outbox_relay.events IN SHARE MODE"))
                    try await Task.sleep(for: .seconds(4))
                    _ = try await lock.query(.init("ROLLBACK"))
                }
                try await relay.waitUntilStreaming(within: .seconds(60))
                writer.stop()
                try await Self.expectExact(rig, count + (try await inserted))
                #expect(relay.logText.contains(Self.note))
            }
        }

        private static func document(_ number: Int) -> BSONDocument { document(number, filling: "") }

        /// Ids at random places, so that a document inserted later may lie before the cursor or behind it.
        static func document(_ number: Int, filling: String) -> BSONDocument {
            outboxDocument(
                .string("\(UInt64.random(in: .min ... .max))"), key: "k\(number % 100)",
                payload: ["n": .integer(number), "filling": .string(filling)])
        }

        private static func expectExact(_ rig: Rig, _ count: Int) async throws {
            try await rig.waitForRows(count, within: .seconds(60))
            let there = try await rig.find(sort: ["_id": 1], projection: ["_id": 1]).compactMap { $0["_id"]?.string }
            let delivered = try await rig.events().map(\.id)
            #expect(there.count == count)
            #expect(delivered.count == count, "\(delivered.count - Set(delivered).count) twice")
            #expect(Set(delivered) == Set(there))
        }
    }
}

/// Inserts a few documents at a time until it is stopped.
private final class Writer: Sendable {
    private let rig: Rig
    private let (stops, stopping) = AsyncStream<Void>.makeStream()

    init(_ rig: Rig) { self.rig = rig }

    func stop() { stopping.finish() }

    /// Writes until ``stop()``, for a minute and a half at most.
    /// - Returns: how many documents were inserted.
    func run() async throws -> Int {
        let rig = rig
        let stops = stops
        let flag = Flag()
        let watching = Task {
            for await _ in stops {}
            await flag.raise()
        }
        defer { watching.cancel() }
        var count = 0
        let end = ContinuousClock.now + .seconds(90)
        while await !flag.isUp, ContinuousClock.now < end {
            try await rig.insert(
                (0..<10).map { Integration.SnapshotTests.document(1_000_000 + count + $0, filling: "") })
            count += 10
            try await Task.sleep(for: .milliseconds(20))
        }
        return count
    }

    private actor Flag {
        var isUp = false
        func raise() { isUp = true }
    }
}
