import Foundation
import RelayCore
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("State in MongoDB with much in it")
    struct StateScaleTests {
        @Test("every question on the hot path is answered from an index, without sorting, reading what it returns")
        func indexes() async throws {
            let servers = try await TestServers.shared()
            let database = servers.uniqueName("state")
            let pipelines = ["a", "b", "c"]
            for name in pipelines {
                let rig = MongoStoreRig(servers.mongo, database: database, pipeline: name)
                var leader = try await SettlementLeader.lead(rig.store())
                try await leader.settle(Self.parked(keys: 600, from: 0))
                var letters = Settlement()
                letters.deadLetters = (0..<300).map {
                    NewDeadLetter(SampleEvent("d\($0)").reference(at: Int64($0)), Poison(.exhausted, "in vain"))
                }
                letters.resolved = [1: .retried]
                try await leader.settle(letters)
                // What was answered stays on record, and is in nobody's way.
                let requests = (0..<300).map { number -> BSONValue in
                    [
                        "_id": .string("\(name) \(number)"), "p": .string(name), "kind": "resume",
                        "state": number < 5 ? "pending" : "done", "createdAt": .date(Int64(number)),
                    ]
                }
                try await rig.run(["insert": "outbox_relay_requests", "documents": .array(requests)])
            }
            let queries = StateQueries(pipeline: "b")
            let keys = (0..<50).map { SampleEvent("", key: "key \($0 * 7)").eventKey }
            // Each with the most documents that it may look at.
            let questions: [(String, BSONDocument, Int)] = [
                ("parkedKeys", queries.parkedKeys(among: keys), 50),
                ("dueKeys", queries.dueKeys(at: 500, limit: 20, excluding: Array(keys.prefix(10))), 20),
                ("nextDue", queries.nextDue(), 1),
                ("oldestKey", queries.oldestKey(), 1),
                ("sizes", queries.sizes(of: keys[3], limit: 10), 0),
                ("events", queries.events(of: keys[3], limit: 10), 2),
                ("parkedBeyond", queries.parkedBeyond(1190), 10),
                ("deadLettersBeyond", queries.deadLettersBeyond(290), 9),
                ("waitingDeadLetters", queries.waitingDeadLetters([1, 2, 3, 299]), 4),
                ("deadLetterCount", queries.deadLetterCount(), 0),
                ("newestDeadLetter", queries.newestDeadLetter(), 1),
                ("openRequests", queries.openRequests(limit: 10, delivering: false), 10),
                ("openRequests that deliver", queries.openRequests(limit: 10, delivering: true), 10),
                ("waitingIDs", queries.waitingIDs(), 299),
                ("deadLetters", queries.deadLetters(limit: 10, includingResolved: false), 10),
                ("all deadLetters", queries.deadLetters(limit: 10, includingResolved: true), 10),
            ]
            for (name, query, documents) in questions {
                let plan = try await servers.mongo.run(
                    ["explain": .document(query), "verbosity": "executionStats"], on: database)
                let stages = Self.stages(plan[path: "executionStats.executionStages"]?.document)
                #expect(!stages.contains("COLLSCAN") && !stages.contains("SORT"), "\(name): \(stages)")
                let examined = plan[path: "executionStats.totalDocsExamined"]?.int ?? .max
                #expect(examined <= documents, "\(name) looked at \(examined) documents: \(stages)")
            }
        }

        @Test("very many parked keys: questions take milliseconds, and no memory", .timeLimit(.minutes(10)))
        func many() async throws {
            try await withMongo { mongo in
                let rig = MongoStoreRig(mongo, database: "state")
                var leader = try await SettlementLeader.lead(rig.store())
                // A hundred thousand take a minute of a busy machine to park.
                let total = ProcessInfo.processInfo.environment["OUTBOX_RELAY_SOAK"] == nil ? 10_000 : 100_000
                let began = ContinuousClock.now
                for start in stride(from: 0, to: total, by: 5000) {
                    leader.state = try await leader.store.settle(
                        Self.parked(keys: 5000, from: start), after: leader.state, under: leader.grant)
                }
                print("\(total) parked keys: \(2 * total) events parked in \(began.duration(to: .now))")
                let store = leader.store
                let totals = try await store.parkedTotals()
                #expect(totals == ParkedTotals(keys: total, events: 2 * total, oldest: 0))

                let known = (0..<256).map { SampleEvent("", key: "key \($0 * (total / 256))").eventKey }
                let memory = ProcessFacts.residentBytes(of: getpid()) ?? 0
                var times: [String: [Duration]] = [:]
                func time(_ name: String, _ body: () async throws -> Void) async throws {
                    let began = ContinuousClock.now
                    try await body()
                    times[name, default: []].append(began.duration(to: .now))
                }
                for round in 0..<60 {
                    try await time("dueKeys") {
                        let due = try await store.dueKeys(
                            at: Int64(total), limit: 100, excluding: Array(known.prefix(32)))
                        #expect(due.count == 100)
                    }
                    try await time("parkedKeys") {
                        let found = try await store.parkedKeys(among: known)
                        #expect(found.count == 256)
                    }
                    try await time("nextDue") {
                        let next = try await store.nextDue()
                        #expect(next == 0)
                    }
                    try await time("parkedTotals") { _ = try await store.parkedTotals() }
                    try await time("parkedEvents") {
                        let found = try await store.parkedEvents(of: known[round], limit: 100, bytes: 1 << 20)
                        #expect(found.count == 2)
                    }
                    try await time("settledBeyond") {
                        let found = try await store.settledBeyond(Int64(2 * total - 50))
                        #expect(found.count == 50)
                    }
                }
                let growth = (ProcessFacts.residentBytes(of: getpid()) ?? 0) - memory
                #expect(growth < 48 << 20, "360 questions left \(growth) bytes behind")
                for (name, durations) in times {
                    let median = durations.sorted()[durations.count / 2]
                    #expect(median < .milliseconds(20), "\(name) took \(median)")
                    print("\(total) parked keys: \(name) \(median) in the median")
                }
                // The counters are what there is, and a change by hand is noticed.
                #expect(try await rig.count(.parked) == 2 * total)
                try await rig.run([
                    "delete": "outbox_relay_parked",
                    "deletes": [["q": ["_id.n": ["$lte": 10]], "limit": 0]],
                ])
                try await store.maintain()
                let recounted = try await store.parkedTotals()
                #expect(recounted.events == 2 * total - 10 && recounted.keys == total)
            }
        }

        /// So many keys with two events each.
        static func parked(keys: Int, from start: Int) -> Settlement {
            var settlement = Settlement()
            for number in start..<start + keys {
                for event in 0..<2 {
                    settlement.parked.append(
                        SampleEvent("\(number).\(event)", key: "key \(number)").parked(
                            at: Int64(number * 2 + event + 1)))
                }
                let time = Int64(number)
                settlement.keys[SampleEvent("", key: "key \(number)").eventKey] = ParkedSchedule(
                    due: time, attempts: 1, firstAttempt: time, stoppedBefore: 0, since: time)
            }
            return settlement
        }

        private static func stages(_ stage: BSONDocument?) -> [String] {
            guard let stage else { return [] }
            let inputs =
                [stage["inputStage"]?.document].compactMap { $0 }
                + (stage["inputStages"]?.array ?? []).compactMap(\.document)
            return [stage["stage"]?.string ?? "?"] + inputs.flatMap { stages($0) }
        }
    }
}
