import RelayCore
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("State: every store does the same")
    struct StateConformanceTests {
        @Test("leases, checkpoints, requests", arguments: StateBackend.allCases, StateStoreConformance.cases)
        func state(backend: StateBackend, rule: StateStoreConformance.Case) async throws {
            try await rule.check(try await backend.rig())
        }

        @Test("settlements in MongoDB", arguments: SettlementConformance.cases)
        func settlements(rule: SettlementConformance.Case) async throws {
            let servers = try await TestServers.shared()
            let rig = MongoStoreRig(servers.mongo, database: servers.uniqueName("state"))
            try await rule.check { rig.store() }
        }

        @Test("settlements in the model that other tests use", arguments: SettlementConformance.cases)
        func model(rule: SettlementConformance.Case) async throws {
            let store = InMemorySettlementStore()
            try await rule.check { store }
        }

        @Test("random settlements leave in MongoDB what the model has", arguments: 1...4)
        func walk(number: Int) async throws {
            let servers = try await TestServers.shared()
            let rig = MongoStoreRig(servers.mongo, database: servers.uniqueName("state"))
            var walk = try await SettlementWalk(ConformanceRandom()) { rig.store() }
            try await walk.run(steps: 150)
            #expect(walk.written > 90 && walk.lost == 0)
        }

        @Test("random settlements, of which some fail, in the model itself")
        func faults() async throws {
            for seed in 1...10 as ClosedRange<UInt64> {
                let store = InMemorySettlementStore()
                var walk = try await SettlementWalk(ConformanceRandom(seed: seed)) { store }
                store.setFaultRate(0.01, of: StoreCall.reads, seed: seed)
                store.setFaultRate(0.1, of: [.settle, .load], seed: seed)
                try await walk.run(steps: 60) { random in
                    store.failNext([.lostBefore, .lostAfter, .refused].randomElement(using: &random) ?? .lostBefore)
                }
                await store.heal()
            }
        }

        @Test("two pipelines in one database do not see each other")
        func apart() async throws {
            let servers = try await TestServers.shared()
            let database = servers.uniqueName("state")
            var leaders: [SettlementLeader] = []
            for name in ["a", "a/b", "a\u{0}"] {
                let rig = MongoStoreRig(servers.mongo, database: database, pipeline: name)
                leaders.append(try await SettlementLeader.lead(rig.store()))
            }
            for number in 1...3 as ClosedRange<Int64> {
                for index in leaders.indices where index < Int(number) {
                    try await leaders[index].settle(SettlementConformance.everything(number))
                }
            }
            for leader in leaders { try await leader.compare(excluding: []) }
        }
    }
}
