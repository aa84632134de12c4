import RelayCore
import RelayTesting
import Testing

@testable import RelayMongoDB

extension Integration {
    @Suite("State in MongoDB when a leader freezes")
    struct FrozenWriterTests {
        /// Where the leader stands still: its transaction open, or its one command under way.
        enum Place: CaseIterable {
            /// Behind the fencing update, whose lock it holds.
            case beforeCommit
            /// With locks on parked documents that the successor wants to write.
            case beforeFence
            /// Between two commands, having written the checkpoint's document: as a stopped process, or a crashed one.
            case idle

            /// Lets the next settlement stand still there.
            func prepare(_ mongo: MongoReplicaSet) async throws {
                switch self {
                case .beforeCommit:
                    try await mongo.failCommands(["commitTransaction"], times: 1, blocksFor: .seconds(25))
                case .beforeFence: try await mongo.failCommands(["findAndModify"], times: 1, blocksFor: .seconds(25))
                case .idle: break
                }
            }

            /// Writes, and stands still.
            func settle(_ frozen: SettlementLeader) async throws {
                guard self == .idle, let store = frozen.store as? MongoStateStore else {
                    _ = try await frozen.store.settle(
                        SettlementConformance.everything(2), after: frozen.state, under: frozen.grant)
                    return
                }
                try await store.data.perform { connection in
                    try connection.startTransaction()
                    try connection.write(
                        [
                            "update": "outbox_relay_checkpoints",
                            "updates": [["q": .document([:]), "u": ["$inc": ["revision": .int64(1)]]]],
                        ], on: "state", inSession: true)
                }
                try await Task.sleep(for: .seconds(8))
                try await store.data.perform { _ = try $0.commitTransaction() }
            }
        }

        @Test(
            "a successor takes over within the lease + 2 s, with nothing but readWrite on the state's database",
            arguments: Place.allCases)
        func overtaken(place: Place) async throws {
            var options = MongoOptions()
            options.login = .init(name: "root", password: "secret")
            try await withMongo(options) { mongo in
                let rig = try await Self.rig(mongo)
                let ttl = Duration.seconds(3)
                var former = try await SettlementLeader.lead(rig.store(), ttl: ttl)
                try await former.settle(SettlementConformance.everything(1))
                let leased = ContinuousClock.now
                let isRenewed = try await former.store.renewLease(former.grant, ttl: ttl)
                #expect(isRenewed)

                // As when its process is stopped: the transaction is open and nobody ends it.
                try await place.prepare(mongo)
                let frozen = former
                let stuck = Task { try await place.settle(frozen) }
                try await waiting(for: "an open transaction", within: .seconds(10)) {
                    let status = try await mongo.run(["serverStatus": 1], on: "admin")
                    return (status[path: "transactions.currentOpen"]?.int ?? 0) > 0 ? true : nil
                }

                var leader = try await SettlementLeader.lead(rig.store())
                let took = leased.duration(to: .now)
                #expect(took < ttl + .seconds(2), "took over \(took) after the last renewal")
                #expect(took > ttl - .milliseconds(50), "took over before the lease had ended")
                leader.model = former.model
                try leader.checkState(leader.state)

                // The same documents, at once.
                let began = ContinuousClock.now
                try await leader.settle(SettlementConformance.everything(2))
                #expect(began.duration(to: .now) < .seconds(3), "wrote only after \(began.duration(to: .now))")
                try await leader.settle(SettlementConformance.everything(3))
                try await leader.compare(excluding: [])

                try await mongo.healCommands()
                let outcome = await stuck.result
                #expect(throws: (any Error).self, "the former leader's write went through") { try outcome.get() }
                leader.state = try await leader.store.load(leader.grant)
                try await leader.compare(excluding: [])
            }
        }

        @Test("a leader whose call hangs is broken off by cancelling it, and finds out what is stored")
        func brokenOff() async throws {
            try await withMongo { mongo in
                let rig = MongoStoreRig(mongo, database: "state")
                var leader = try await SettlementLeader.lead(rig.store())
                try await mongo.failCommands(["commitTransaction"], blocksFor: .seconds(14))
                let stuck = leader
                let began = ContinuousClock.now
                let task = Task {
                    try await stuck.store.settle(
                        SettlementConformance.everything(1), after: stuck.state, under: stuck.grant)
                }
                try await waiting(for: "an open transaction", within: .seconds(10)) {
                    let status = try await mongo.run(["serverStatus": 1], on: "admin")
                    return (status[path: "transactions.currentOpen"]?.int ?? 0) > 0 ? true : nil
                }
                task.cancel()
                let error = await #expect(throws: RelayError.self) { _ = try await task.value }
                #expect(error?.isRetriable == true)
                #expect(began.duration(to: .now) < .seconds(12), "broken off after \(began.duration(to: .now))")
                try await mongo.healCommands()
                try await leader.reload()
                // The server held the commit back and may have carried it out then.
                if leader.state.revision == 1 { leader.model.apply(SettlementConformance.everything(1)) }
                try leader.checkState(leader.state)
                try await leader.settle(SettlementConformance.everything(2))
                try await leader.compare(excluding: [])
            }
        }

        @Test("a write that reaches the server only after its leader has loaded again does nothing")
        func lateWrite() async throws {
            try await withMongo { mongo in
                let rig = MongoStoreRig(mongo, database: "state")
                var leader = try await SettlementLeader.lead(rig.store())
                for settlement in [SettlementConformance.checkpoint(1), SettlementConformance.everything(1)] {
                    // The server holds the command back and then carries it out, whoever still waits for it.
                    try await mongo.failCommands(
                        ["findAndModify"], times: 1, blocksFor: .seconds(4),
                        namespace: "state.outbox_relay_checkpoints")
                    let stuck = leader
                    let task = Task {
                        try await stuck.store.settle(settlement, after: stuck.state, under: stuck.grant)
                    }
                    try await waiting(for: "the write to be held back", within: .seconds(10)) {
                        let point = try await mongo.run(
                            ["getParameter": 1, "failpoint.failCommand": 1], on: "admin")
                        return (point[path: "failpoint"] ?? point.fields.first?.value)?.document?["timesEntered"]?
                            .int64 ?? 0 > 0 ? true : nil
                    }
                    task.cancel()
                    _ = await task.result
                    try await leader.reload()
                    let loaded = leader.state.revision
                    // Until the server has let go of it, and longer.
                    try await Task.sleep(for: .seconds(5))
                    let stored = try await rig.documents(.checkpoints).first?["revision"]?.int64
                    #expect(stored == loaded, "a write of a connection that was given up was stored")
                    try leader.checkState(leader.state)
                    try await leader.settle(settlement)
                    try await leader.compare(excluding: [])
                }
            }
        }

        /// A rig whose user may do as little as a relay may.
        static func rig(_ mongo: MongoReplicaSet) async throws -> MongoStoreRig {
            try await mongo.run(
                [
                    "createUser": "relay", "pwd": "pw",
                    "roles": [["role": "read", "db": "shop"], ["role": "readWrite", "db": "state"]],
                ], on: "admin")
            let uri = mongo.uri(database: "shop").replacing("root:secret@", with: "relay:pw@")
            return MongoStoreRig(mongo, database: "state", uri: uri)
        }
    }
}
