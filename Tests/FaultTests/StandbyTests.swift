import RelayTesting
import Testing

extension Faults {
    @Suite("Leader and standby", .serialized)
    struct StandbyTests {
        /// `RELAY_LEASE_TTL` promises: replaced within this and 2 s.
        private static let promise = Duration.seconds(2 + 2)

        @Test("a frozen leader is replaced in time and does no harm afterwards, a killed one too")
        func takeover() async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: 9000, rate: 500)
                let relays = try [load.relay(), load.relay()]
                for relay in relays { try await relay.start() }
                let report = try await load.run(within: .seconds(60)) {
                    try await load.progress()
                    for _ in 1...2 {
                        let (leader, standby) = try await Self.roles(relays)
                        leader.freeze()
                        defer { leader.resume() }
                        let took = try await Self.timeUntilLeading(standby)
                        #expect(took < Self.promise, "a frozen leader was replaced after \(took)")
                        try await load.progress()
                        leader.resume()
                        try await leader.waitUntil("standing by", within: .seconds(20)) { $0.role == "standby" }
                        let still = try await standby.status().pipelines[0].role
                        #expect(still == "leader")
                        print("a frozen leader was replaced after \(took)")
                    }
                    let (leader, standby) = try await Self.roles(relays)
                    await leader.kill()
                    let took = try await Self.timeUntilLeading(standby)
                    #expect(took < Self.promise, "a killed leader was replaced after \(took)")
                    print("a killed leader was replaced after \(took)")
                    try await leader.start()
                    try await leader.waitUntil("standing by", within: .seconds(20)) { $0.role == "standby" }
                }
                #expect(report.isExact, "\(report)")
            }
        }

        @Test("a leader that is told to end hands over at once")
        func handOver() async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: 3000, rate: 500)
                let relays = try [
                    load.relay(["RELAY_LEASE_TTL": "60s"]), load.relay(["RELAY_LEASE_TTL": "60s"]),
                ]
                for relay in relays { try await relay.start() }
                let report = try await load.run {
                    try await load.progress()
                    let (leader, standby) = try await Self.roles(relays)
                    #expect(await leader.terminate() == .code(0))
                    let took = try await Self.timeUntilLeading(standby)
                    #expect(took < .seconds(4), "the lease of 60 s was given back; taken after \(took)")
                }
                #expect(report.isExact, "\(report)")
            }
        }

        /// Who leads and who stands by; waits until it is clear.
        private static func roles(_ relays: [RelayProcess]) async throws -> (RelayProcess, RelayProcess) {
            try await waiting(for: "a leader and a standby", within: .seconds(20)) {
                var roles: [String] = []
                for relay in relays { roles.append(try await relay.status().pipelines[0].role) }
                switch roles {
                case ["leader", "standby"]: return (relays[0], relays[1])
                case ["standby", "leader"]: return (relays[1], relays[0])
                default: return nil
                }
            }
        }

        private static func timeUntilLeading(_ relay: RelayProcess) async throws -> Duration {
            let start = ContinuousClock.now
            try await relay.waitUntil("leading", within: .seconds(30)) { $0.role == "leader" }
            return start.duration(to: .now)
        }
    }
}
