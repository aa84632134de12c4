import RelayCore
import RelayTesting
import Synchronization
import Testing

@testable import RelayMongoDB

extension Integration {
    @Suite("State in MongoDB when things go wrong")
    struct StateFaultTests {
        /// Commands of a settlement that changes everything, in their order.
        static let parts = ["update", "delete", "insert", "findAndModify", "commitTransaction"]

        @Test("a settlement of which one part fails leaves nothing, or is tried again; never half of it")
        func atomicity() async throws {
            try await withMongo { mongo in
                let rig = MongoStoreRig(mongo, database: "state")
                var leader = try await SettlementLeader.lead(rig.store())
                try await leader.settle(SettlementConformance.everything(1))
                var number: Int64 = 1
                for part in Self.parts {
                    for fault in Fault.allCases {
                        number += 1
                        try await fault.provoke(mongo, part)
                        let isWritten = try await leader.settleOrFindOut(SettlementConformance.everything(number))
                        try await mongo.healCommands()
                        try await leader.compare(excluding: [])
                        if let expected = fault.isWritten(part) {
                            #expect(isWritten == expected, "\(part), \(fault)")
                        }
                    }
                }
            }
        }

        /// How a command fails.
        enum Fault: CaseIterable {
            /// For good: a code that nobody retries.
            case error
            /// In a way that the server says will pass.
            case transient
            /// The server hangs up.
            case hangsUp
            /// It is carried out, and reported as not known to be.
            case unknown

            func provoke(_ mongo: MongoReplicaSet, _ command: String) async throws {
                var data: [(String, BSONValue)] = [("failCommands", [.string(command)])]
                var times = 1
                switch self {
                case .error: data.append(("errorCode", 8000))
                case .transient:
                    times = 2
                    data += [("errorCode", 112), ("errorLabels", ["TransientTransactionError"])]
                case .hangsUp:
                    // The driver commits once more by itself.
                    times = 2
                    data.append(("closeConnection", true))
                case .unknown:
                    // The driver commits once more by itself.
                    times = 2
                    data.append(("writeConcernError", ["code": 64, "errmsg": "waiting for replication timed out"]))
                }
                let command: BSONDocument = [
                    "configureFailPoint": "failCommand", "mode": ["times": .integer(times)],
                    "data": .document(BSONDocument(data)),
                ]
                try await mongo.primary().run(command)
            }

            /// Whether the settlement is written in the end; nil where the server decides what the fault is.
            func isWritten(_ command: String) -> Bool? {
                switch self {
                case .error: false
                case .transient: true
                // What is not committed yet is begun again.
                case .hangsUp: command != "commitTransaction"
                case .unknown: command == "commitTransaction" ? true : nil
                }
            }
        }

        @Test("a commit whose answer is lost is found out by reading, not guessed; it counts once")
        func unknownCommit() async throws {
            try await withMongo { mongo in
                let rig = MongoStoreRig(mongo, database: "state")
                var leader = try await SettlementLeader.lead(rig.store())
                for (number, command) in ["commitTransaction", "findAndModify"].enumerated() {
                    for executed in [true, false] {
                        if executed {
                            try await Fault.unknown.provoke(mongo, command)
                        } else {
                            try await mongo.failCommands([command], times: 2, closesConnection: true)
                        }
                        let settlement =
                            command == "findAndModify"
                            ? SettlementConformance.checkpoint(Int64(number))
                            : SettlementConformance.everything(Int64(number) + (executed ? 1 : 2))
                        let before = leader
                        let error = await #expect(throws: RelayError.self) {
                            _ = try await before.store.settle(settlement, after: before.state, under: before.grant)
                        }
                        #expect(error?.isRetriable == true && error?.code != .fenced)
                        // Until it was read nothing is written, whoever asks.
                        let blind = await #expect(throws: RelayError.self) {
                            _ = try await before.store.settle(settlement, after: before.state, under: before.grant)
                        }
                        #expect(blind?.isRetriable == true)
                        try await mongo.healCommands()
                        try await leader.reload()
                        #expect(leader.state.revision == before.state.revision + (executed ? 1 : 0))
                        if executed { leader.model.apply(settlement) }
                        try leader.checkState(leader.state)
                        try await leader.compare(excluding: [])
                    }
                }
            }
        }

        @Test("reads name the time of the newest write, so that no server answers from before it")
        func readsFollowWrites() async throws {
            let servers = try await TestServers.shared()
            let store = MongoStoreRig(servers.mongo, database: servers.uniqueName("state")).store()
            var leader = try await SettlementLeader.lead(store)
            var last = try #require(store.newest.withLock { $0 })
            for number in 1...4 as ClosedRange<Int64> {
                try await leader.settle(
                    number.isMultiple(of: 2)
                        ? SettlementConformance.everything(number) : SettlementConformance.checkpoint(number))
                let newest = try #require(store.newest.withLock { $0 })
                #expect(newest > last, "settlement \(number)")
                last = newest
                #expect(store.readConcern.document?["afterClusterTime"] == .timestamp(newest))
            }
        }

        @Test("random settlements while commands fail in every way")
        func disturbedWalk() async throws {
            try await withMongo { mongo in
                let rig = MongoStoreRig(mongo, database: "state")
                var walk = try await SettlementWalk(ConformanceRandom()) { rig.store() }
                try await walk.run(steps: 120) { random in
                    let part = Self.parts.randomElement(using: &random) ?? "update"
                    let fault: Fault = [.error, .transient, .unknown].randomElement(using: &random) ?? .error
                    if Bool.random(using: &random) {
                        try await fault.provoke(mongo, part)
                    } else {
                        try await mongo.failCommands([part, "find"], times: 2, closesConnection: true)
                    }
                }
                #expect(walk.written > 40)
            }
        }

        @Test("random settlements while the primary steps down again and again")
        func stepdowns() async throws {
            try await withMongo(MongoOptions(members: 3)) { mongo in
                let rig = MongoStoreRig(mongo, database: "state")
                let isQuiet = Flag()
                let work = Task {
                    var walk = try await SettlementWalk(ConformanceRandom()) { rig.store() }
                    while !isQuiet.isSet { try await walk.run(steps: 10) }
                    // The last steps are on a quiet set.
                    try await walk.run(steps: 20)
                    return walk.written
                }
                for _ in 0..<3 {
                    try await Task.sleep(for: .seconds(2))
                    try await mongo.stepDown(seconds: 3)
                }
                try await mongo.waitUntilComplete()
                isQuiet.set()
                let written = try await work.value
                #expect(written > 20)
            }
        }
    }
}

/// Says something to another task, once.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .relaxed) }
    func set() { value.store(true, ordering: .relaxed) }
}
