import RelayCore
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("State in MongoDB as people see it")
    struct StateDocumentTests {
        @Test("documents say in plain fields what waits, and why")
        func readable() async throws {
            let rig = try await Self.rig()
            var leader = try await SettlementLeader.lead(rig.store())
            var sample = SampleEvent("order-1", key: "customer 7")
            sample.headers = Array("{\"a\":1}".utf8)
            sample.occurredAt = 1_700_000_000_123
            var binary = SampleEvent("order-2", key: "customer 8")
            (binary.payload, binary.payloadIsBinary) = ([0, 255], true)
            var settlement = SettlementConformance.checkpoint(4)
            settlement.checkpoint?.end.clusterTime = ClusterTime(seconds: 5, increment: 6)
            settlement.parked = [sample.parked(at: 5, redelivery: "retry"), binary.parked(at: 6)]
            settlement.keys[sample.eventKey] = ParkedSchedule(
                due: 10, attempts: 3, firstAttempt: 7, stoppedBefore: 1, since: 6)
            settlement.deadLetters = [
                NewDeadLetter(
                    sample.reference(at: 3), Poison(.rejected, "the receiver answered 422"), attempts: 2, status: 422,
                    answer: Array("no such customer".utf8), firstAttempt: 1_700_000_000_000,
                    lastAttempt: 1_700_000_001_000)
            ]
            settlement.pause = "410"
            try await leader.settle(settlement)

            let checkpoint = try #require(try await rig.documents(.checkpoints).first)
            #expect(checkpoint["_id"] == "shop.outbox/billing")
            #expect(checkpoint["paused"] == "410" && checkpoint["position"] == .int64(4))
            #expect(checkpoint["checkpoint"]?.string?.contains("\"token\":\"token 4\"") == true)
            #expect(checkpoint["clusterTime"]?.timestamp == BSONTimestamp(seconds: 5, increment: 6))
            #expect(checkpoint["owner"]?.string == leader.grant.owner)
            let lease = try #require(try await rig.documents(.leases).first)
            #expect(lease["holder"] == "a test" && lease["expiresAt"]?.date != nil)
            let events = try await rig.documents(.parked)
            #expect(events.count == 2)
            #expect(events[0]["eventId"] == "order-1" && events[0]["key"] == "customer 7")
            #expect(events[0]["payload"] == "{\"n\":1}" && events[0]["headers"] == "{\"a\":1}")
            #expect(events[0]["occurredAt"] == .date(1_700_000_000_123) && events[0]["redelivery"] == "retry")
            #expect(events[1]["payload"] == .binary([0, 255], subtype: 0))
            let key = try #require(try await rig.documents(.parkedKeys).first)
            #expect(key["due"] == .date(10) && key["attempts"] == 3 && key["since"] == .date(6))
            let letter = try #require(try await rig.documents(.deadLetters).first)
            #expect(letter["reasonCode"] == "rejected" && letter["reason"] == "the receiver answered 422")
            #expect(letter["status"] == 422 && letter["answer"] == "no such customer" && letter["state"] == "dead")

            let summary = try #require(try await rig.administration.letter(1))
            #expect(summary.eventID == "order-1" && summary.key == "customer 7" && summary.payload == "{\"n\":1}")
            #expect(summary.status == 422 && summary.answer == "no such customer" && summary.attempts == 2)
            #expect(summary.firstAttemptAt == "2023-11-14T22:13:20.000Z")
            #expect(summary.lastAttemptAt == "2023-11-14T22:13:21.000Z")
            let listed = try await rig.administration.letters(limit: 5, includingResolved: false)
            #expect(listed.map(\.eventID) == ["order-1"] && listed[0].payload == nil)
        }

        @Test("resolved dead letters stay on record, listed when asked for")
        func resolved() async throws {
            let rig = try await Self.rig()
            var leader = try await SettlementLeader.lead(rig.store())
            for number in 1...3 as ClosedRange<Int64> {
                try await leader.settle(SettlementConformance.everything(number))
            }
            try await leader.store.maintain()
            let waiting = try await rig.administration.letters(limit: 9, includingResolved: false)
            #expect(waiting.map(\.id) == [3])
            let all = try await rig.administration.letters(limit: 9, includingResolved: true)
            #expect(all.map(\.state) == ["dead", "discarded", "discarded"])
            #expect(try await rig.administration.waitingIDs() == [3])
            #expect(try await rig.documents(.deadLetters).first?["resolvedAt"]?.date != nil)
        }

        @Test("events near 16 MiB, and larger ones than a document holds, are parked and given up like any other")
        func giant() async throws {
            let rig = try await Self.rig()
            var leader = try await SettlementLeader.lead(rig.store())
            let mebibyte = 1 << 20
            var samples: [SampleEvent] = []
            for (number, size) in [mebibyte, mebibyte + 1, 16 * mebibyte, 24 * mebibyte].enumerated() {
                var sample = SampleEvent("giant \(number)", key: "g")
                sample.payload = Self.bytes(size)
                samples.append(sample)
            }
            // Each field as large as what still stays in the document; and each too large for it.
            for (number, size) in [mebibyte, 2 * mebibyte].enumerated() {
                var sample = SampleEvent("", key: "")
                sample.id = Self.bytes(size - 8) + Array("\(number)-------".utf8)
                (sample.key, sample.topic, sample.type) = (Self.bytes(size), Self.bytes(size), Self.bytes(size))
                (sample.headers, sample.schemaVersion) = (Self.bytes(size), Self.bytes(size))
                (sample.traceparent, sample.payload) = (Self.bytes(size), [UInt8](repeating: 0xFF, count: size))
                sample.payloadIsBinary = true
                samples.append(sample)
            }
            var document = SampleEvent("document", key: "g")
            document.document = [UInt8](repeating: 7, count: 16 * mebibyte)
            document.documentText = Self.bytes(30 * mebibyte)
            for (index, sample) in (samples + [document]).enumerated() {
                var settlement = Settlement()
                let event = sample.parked(at: Int64(index + 1))
                if sample.document == nil { settlement.parked = [event] }
                settlement.keys[event.key] = SettlementConformance.schedule(due: Int64(index))
                settlement.deadLetters = [NewDeadLetter(event.event, Poison(.tooLarge, "too large"))]
                try await leader.settle(settlement)
                // Again: it stays as it is. What was written for it in vain is found by upkeep, when it is old.
                settlement.deadLetters = []
                try await leader.settle(settlement)
            }
            let all = try await Self.chunkSets(rig)
            try await rig.run([
                "update": "outbox_relay_chunks",
                "updates": [["q": .document([:]), "u": ["$set": ["at": .date(0)]], "multi": true]],
            ])
            try await leader.store.maintain()
            let sets = try await Self.chunkSets(rig)
            #expect(sets.parked == 5 && all.parked == 9, "\(all) sets of chunks became \(sets)")
            #expect(sets.deadLetters == 6 && all.deadLetters == 6, "\(all) sets of chunks became \(sets)")
            try await Self.compare(leader, samples)
            try await leader.reload()
            try leader.checkState(leader.state)
            #expect(try await rig.documents(.checkpoints).first?["largeEvents"] == .int64(5))
            let shown = try await rig.administration.letter(3)
            #expect(shown?.payload?.utf8.count == 16 * mebibyte)

            // Settled, they leave nothing behind.
            var last = Settlement()
            last.unparked = samples.enumerated().map { $1.parked(at: Int64($0 + 1)).id }
            try await leader.settle(last)
            let left = try await Self.chunkSets(rig)
            #expect(left.parked == 0 && left.deadLetters == 6)
            #expect(try await rig.documents(.checkpoints).first?["largeEvents"] == .int64(0))
            #expect(try await leader.store.parkedTotals().events == 0)
        }

        @Test("a settlement larger than what the server's cache takes is written all the same")
        func large() async throws {
            let rig = try await Self.rig()
            var leader = try await SettlementLeader.lead(rig.store())
            var settlement = Settlement()
            for number in 0..<6000 {
                var sample = SampleEvent("event \(number)", key: "key \(number % 50)")
                sample.payload = [UInt8](repeating: 0x62, count: 10_000)
                settlement.parked.append(sample.parked(at: Int64(number + 1)))
                settlement.keys[sample.eventKey] = SettlementConformance.schedule(due: Int64(number % 50))
            }
            try await leader.settle(settlement)
            #expect(try await Self.chunkSets(rig).parked == 6000, "it fitted after all: the test is too small")
            try await leader.compare(excluding: [])
            var rest = Settlement()
            rest.unparked = settlement.parked.map(\.id)
            for key in settlement.keys.keys { rest.keys[key] = .some(nil) }
            try await leader.settle(rest)
            try await leader.compare(excluding: [])
            #expect(try await rig.count(.chunks) == 0)
        }

        /// How many sets of chunks there are.
        private static func chunkSets(_ rig: MongoStoreRig) async throws -> (parked: Int, deadLetters: Int) {
            let found = try await rig.run([
                "aggregate": "outbox_relay_chunks", "cursor": .document([:]),
                "pipeline": [["$match": ["_id.i": 0]], ["$group": ["_id": "$of.in", "n": ["$sum": 1]]]],
            ])
            let counts = (found[path: "cursor.firstBatch"]?.array ?? []).compactMap(\.document)
            func count(_ name: String) -> Int { counts.first { $0["_id"]?.string == name }?["n"]?.int ?? 0 }
            return (count("outbox_relay_parked"), count("outbox_relay_dead_letters"))
        }

        private static func compare(_ leader: SettlementLeader, _ samples: [SampleEvent]) async throws {
            for (index, sample) in samples.enumerated() {
                let position = Int64(index + 1)
                let found = try await leader.store.parkedEvents(of: sample.eventKey, limit: 10, bytes: .max)
                let event = try #require(found.first { $0.id.position == position })
                #expect(event.event.isSame(as: sample.reference(at: position)), "event \(position)")
                let letter = try #require(try await leader.store.waitingDeadLetters([position]).first)
                #expect(letter.event?.isSame(as: sample.reference(at: position)) == true, "letter \(position)")
            }
            let beyond = try await leader.store.settledBeyond(0)
            #expect(beyond == leader.model.settledBeyond(0))
            let document = try #require(try await leader.store.waitingDeadLetters([Int64(samples.count + 1)]).first)
            #expect(document.document == [UInt8](repeating: 7, count: 16 << 20) && document.event == nil)
            // One at a time where the bytes allow no more.
            let one = try await leader.store.parkedEvents(of: samples[0].eventKey, limit: 10, bytes: 1 << 20)
            #expect(one.count == 1)
        }

        /// Text of a size.
        private static func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x61, count: count) }

        @Test("what is missing is named: a privilege, a replica set, collections")
        func failures() async throws {
            var options = MongoOptions()
            options.login = .init(name: "root", password: "secret")
            try await withMongo(options) { mongo in
                let allowed = try await FrozenWriterTests.rig(mongo)
                let uri = allowed.options.endpoint.uri
                let elsewhere = MongoStoreRig(mongo, database: "other", uri: uri)
                let refused = await #expect(throws: RelayError.self) { try await elsewhere.store().prepare() }
                #expect(refused?.code == .unauthorized && refused?.isRetriable == true)
                #expect(refused?.message.contains("{role: \"readWrite\", db: \"other\"}") == true, "\(refused!)")

                let manual = MongoStoreRig(mongo, database: "state", uri: uri, createsCollections: false)
                let missing = await #expect(throws: RelayError.self) { try await manual.store().prepare() }
                #expect(missing?.message.contains("outbox-relay setup") == true)
                try await manual.store().setUp()
                try await manual.store().prepare()
                let script = MongoStateStore.setupScript(database: "state")
                for collection in StateCollection.allCases {
                    #expect(script.contains(collection.rawValue))
                    #expect(try await manual.count(collection) >= 0)
                }
                // A missing index is named as well.
                try await mongo.run(["dropIndexes": "outbox_relay_parked", "index": "key"], on: "state")
                let index = await #expect(throws: RelayError.self) { try await manual.store().prepare() }
                #expect(index?.message.contains("outbox_relay_parked") == true)
                try await allowed.store().prepare()
                try await manual.store().prepare()
            }
            var standalone = MongoOptions()
            standalone.isStandalone = true
            try await withMongo(standalone) { mongo in
                let error = await #expect(throws: RelayError.self) {
                    try await MongoStoreRig(mongo, database: "state").store().prepare()
                }
                #expect(error?.code == .unsupported && error?.message.contains("rs.initiate()") == true)
            }
        }

        @Test("a checkpoint that was changed by hand, or written by a newer relay, is not guessed at")
        func damaged() async throws {
            let rig = try await Self.rig()
            var leader = try await SettlementLeader.lead(rig.store())
            try await leader.settle(SettlementConformance.checkpoint(1))
            for (text, word) in [("{", "damaged"), ("{\"format\":2}", "newer version"), ("{\"format\":1}", "damaged")] {
                try await rig.run([
                    "update": "outbox_relay_checkpoints",
                    "updates": [["q": .document([:]), "u": ["$set": ["checkpoint": .string(text)]]]],
                ])
                let store = leader.store
                let grant = leader.grant
                let error = await #expect(throws: RelayError.self) { _ = try await store.load(grant) }
                #expect(error?.code == .identity && error?.isRetriable == false)
                #expect(error?.message.contains(word) == true, "\(text): \(error?.message ?? "")")
            }
        }

        static func rig() async throws -> MongoStoreRig {
            let servers = try await TestServers.shared()
            return MongoStoreRig(servers.mongo, database: servers.uniqueName("state"))
        }
    }
}
