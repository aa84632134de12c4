import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Backlog")
    struct BacklogTests {
        @Test("backlog and stream meet without a gap or an overlap while 8 writers are busy")
        func firstStartUnderWriters() async throws {
            let rig = try await Rig()
            let outbox = Outbox(uri: rig.uri, database: rig.database)
            try await outbox.load(count: 20_000)
            let before = try await rig.find(sort: ["_id": 1], projection: ["_id": 1])

            var options = WorkloadOptions(events: 4000)
            options.database = rig.database
            options.writers = 8
            options.keys = .random(count: 200)
            let workload = Workload(uri: rig.uri, options: options)
            try await workload.prepare()
            async let working = workload.run()
            try await waiting(for: "the writers to be busy", within: .seconds(30)) {
                workload.progress.committed >= 300 ? true : nil
            }
            let relay = try rig.relay()
            try await relay.start()
            let record = try await working
            let all = try await outbox.committed()
            #expect(all.count == 20_000 + record.committed.count)
            try await rig.waitForRows(all.count, within: .seconds(60))

            // Ids are made while the key's order is locked, so even the part that is a backlog is in commit order.
            let report = try await rig.checker.check(all, aborted: record.aborted)
            #expect(report.isExact, "\(report)")
            let ids = Set(before.compactMap { $0["_id"]?.objectID?.description })
            let delivered = try await rig.events().map(\.id)
            let backlog = delivered.filter { ids.contains($0) }
            #expect(backlog == backlog.sorted(), "the backlog is read in the order of _id")
            let status = try await rig.status(of: relay)
            #expect(status.eventsDelivered == Int64(all.count))
            #expect(status.restarts == 0)
        }

        @Test("a backlog of ids of five types, larger than an answer, with SIGKILL in the middle of it")
        func mixedIdentifiers() async throws {
            let rig = try await Rig()
            let count = 15_000
            try await rig.insert(
                (0..<count).map { number in
                    outboxDocument(
                        Self.identifier(number), key: "k\(number % 100)",
                        payload: ["n": .integer(number), "filling": .string(String(repeating: "x", count: 300))])
                })
            let order = try await rig.find(sort: ["_id": 1], projection: ["payload.n": 1])
                .compactMap { $0[path: "payload.n"]?.int }
            #expect(order.count == count)

            let relay = try rig.relay(["RELAY_BATCH_EVENTS": "40"])
            for threshold in [1500, 5000, 9000] {
                try await relay.start()
                try await rig.checker.waitForRows(threshold, within: .seconds(30))
                await relay.kill()
                let there = try await rig.checker.count()
                #expect(there < count, "the relay was killed in the middle of the backlog")
                let stage = try await rig.value("SELECT checkpoint FROM outbox_relay.checkpoints")
                #expect(stage?.contains("\"backlog\"") == true)
            }
            try await relay.start()
            try await relay.waitUntilStreaming()
            try await rig.waitForRows(count)
            let delivered = try await rig.events()
            #expect(delivered.map(\.position) == Array(1...count))
            #expect(delivered.map { Self.number(in: $0.payload) } == order)
            #expect(Set(delivered.map(\.id)).count == count)
        }

        @Test("SOURCE_FIELD_SEQUENCE makes the order exact, over a SIGKILL")
        func sequence() async throws {
            let rig = try await Rig()
            let count = 6000
            try await rig.insert(
                (0..<count).shuffled().map { number in
                    let fields = outboxDocument(
                        .string("id-\(UInt64.random(in: .min ... .max))"), key: "k\(number % 50)",
                        payload: ["n": .integer(number)])
                    // Some have no version: a sort takes them for the first.
                    return number % 100 == 0 ? fields : fields.appending("version", .integer(number / 3))
                })
            let order = try await rig.find(sort: ["version": 1, "_id": 1], projection: ["payload.n": 1])
                .compactMap { $0[path: "payload.n"]?.int }
            let relay = try rig.relay(["RELAY_BATCH_EVENTS": "40", "SOURCE_FIELD_SEQUENCE": "version"])
            try await relay.start()
            try await rig.checker.waitForRows(1500, within: .seconds(30))
            await relay.kill()
            let there = try await rig.checker.count()
            #expect(there < count)
            try await relay.start()
            try await rig.waitForRows(count)
            #expect(try await rig.events().map { Self.number(in: $0.payload) } == order)
        }

        @Test("SOURCE_BACKLOG=skip begins with what comes after the first start")
        func skip() async throws {
            let rig = try await Rig()
            try await rig.insert((0..<500).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
            let relay = try await rig.streamingRelay(["SOURCE_BACKLOG": "skip"])
            #expect(try await rig.checker.count() == 0)
            try await rig.insert((500..<600).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
            try await rig.waitForRows(100)
            // Also a restart does not fetch what was skipped.
            await relay.terminate()
            try await relay.start()
            try await relay.waitUntilStreaming()
            try await rig.insert([outboxDocument(.integer(600), payload: ["n": 600])])
            try await rig.waitForRows(101)
            #expect(try await rig.events().map(\.id) == (500...600).map { "\($0)" })
        }

        private static func identifier(_ number: Int) -> BSONValue {
            switch number % 5 {
            case 0: .objectID(BSONObjectID((0..<12).map { _ in UInt8.random(in: 0 ... .max) })!)
            case 1: number % 2 == 0 ? .integer(number) : .int64(Int64(number) << 33)
            case 2: .string("id-\(UInt32.random(in: 0 ... .max))-\(number)")
            case 3: .binary((0..<16).map { _ in UInt8.random(in: 0 ... .max) }, subtype: 4)
            default: ["shop": .integer(Int.random(in: 0..<50)), "number": .integer(number)]
            }
        }

        static func number(in payload: String) -> Int {
            Int(payload.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? -1
        }
    }
}

extension Rig {
    /// The only pipeline of a relay, as its `/status` shows it.
    func status(of relay: RelayProcess) async throws -> RelayReport.Pipeline {
        let pipelines = try await relay.status().pipelines
        guard pipelines.count == 1 else { throw TestingError("there are \(pipelines.count) pipelines, not one") }
        return pipelines[0]
    }
}
