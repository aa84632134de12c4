import RelayMongoDB
import RelayTesting
import Testing

extension Faults {
    @Suite("Webhooks under load", .serialized)
    struct WebhookFaultTests {
        private static let refused = Lottery(0.003, seed: 422)

        @Test("failures of every kind at random, and five SIGKILLs: delivered or dead-lettered, in order by key")
        func everything() async throws {
            let count = isSoak ? 50_000 : 5000
            try await WebhookLoad.with(events: count, rate: isSoak ? nil : 500) { load in
                load.receiver.behave(
                    .someEvents(Self.refused, .refused),
                    .some(Lottery(0.1, seed: 500), .status(500)),
                    .some(Lottery(0.002, seed: 1), .hang),
                    .some(Lottery(0.004, seed: 2), .reset),
                    .some(Lottery(isSoak ? 0.0003 : 0.001, seed: 3), .retryAfter("1")),
                    .some(Lottery(0.002, seed: 4), .late(.milliseconds(300))))
                let relay = try load.relay(["DESTINATION_TIMEOUT": "1s", "RELAY_LEASE_TTL": "2s"])
                try await relay.start()
                let kills = Moments()
                let (report, committed) = try await load.run(
                    within: .seconds(isSoak ? 600 : 90), isRefused: { Self.refused.draws($0) }
                ) {
                    for kill in 1...5 {
                        try await load.progress(by: count / 12)
                        try await Task.sleep(for: .milliseconds(Int.random(in: 0...300)))
                        await relay.kill()
                        await kills.add()
                        #expect(relay.exitStatus == .signal(9), "kill \(kill)")
                        try await relay.start()
                    }
                }
                #expect(report.isComplete, "\(report)")
                let unexplained = await load.unexplainedRepeats(report, by: kills.all)
                // A relay that lost its lease, or its connection to MongoDB, says so.
                let log = relay.logText.split(separator: "\n").filter { !$0.contains("\"level\":\"info\"") }
                #expect(
                    unexplained.isEmpty,
                    "\(unexplained.count) repeats without a crash; the relay said:\n\(log.suffix(20).joined(separator: "\n"))"
                )
                let dead = Set(committed.map(\.id).filter { Self.refused.draws($0) })
                #expect(!dead.isEmpty)
                let letters = try await waiting(for: "\(dead.count) dead letters", within: .seconds(60)) {
                    let letters = try await load.letters(relay)
                    return letters.count >= dead.count ? letters : nil
                }
                #expect(Set(letters.compactMap(\.eventID)) == dead && letters.count == dead.count)
                #expect(letters.allSatisfy { $0.reasonCode == "rejected" && $0.status == 422 && $0.attempts >= 1 })
                // Each kind of failure has happened.
                for status in [0, 200, 422, 429, 500] { #expect(report.answers[status, default: 0] > 0, "\(status)") }
                print("failures at random and five SIGKILLs: \(report); \(letters.count) dead letters")
            }
        }

        @Test("SIGTERM under load: exit 0 in time, and the next start goes on without a gap or a repeat")
        func terminated() async throws {
            try await WebhookLoad.with(events: 4000, rate: 600) { load in
                load.receiver.behave(
                    .some(Lottery(0.02, seed: 5), .status(500)), .some(Lottery(0.2, seed: 6), .late(.milliseconds(100)))
                )
                let relay = try load.relay(["RELAY_SHUTDOWN_TIMEOUT": "8s", "RELAY_LEASE_TTL": "30s"])
                try await relay.start()
                let (report, _) = try await load.run {
                    for _ in 1...3 {
                        try await load.progress()
                        try await Task.sleep(for: .milliseconds(Int.random(in: 0...500)))
                        let start = ContinuousClock.now
                        let status = await relay.terminate(within: .seconds(12))
                        #expect(status == .code(0))
                        let took = start.duration(to: .now)
                        #expect(took < .seconds(5), "ended after \(took)")
                        try await relay.start()
                        // The lease of 30 s was given back: nobody waits for it.
                        try await load.progress(within: .seconds(20))
                    }
                }
                #expect(report.isComplete && report.repeats == 0, "\(report)")
            }
        }

        @Test("SIGTERM while the receiver hangs: exit 0 within RELAY_SHUTDOWN_TIMEOUT all the same")
        func terminatedInAnOutage() async throws {
            try await WebhookLoad.with(events: 1500, rate: 500) { load in
                let relay = try load.relay(["RELAY_SHUTDOWN_TIMEOUT": "3s", "DESTINATION_TIMEOUT": "60s"])
                try await relay.start()
                let (report, _) = try await load.run {
                    try await load.progress()
                    load.receiver.behave(.always(.hang))
                    try await waiting(for: "requests to hang", within: .seconds(20)) {
                        load.receiver.inFlight >= 32 ? true : nil
                    }
                    let start = ContinuousClock.now
                    let status = await relay.terminate(within: .seconds(10))
                    #expect(status == .code(0))
                    let took = start.duration(to: .now)
                    #expect(took < .milliseconds(3700), "ended after \(took)")
                    load.receiver.behave()
                    try await relay.start()
                }
                #expect(report.isComplete, "\(report)")
            }
        }

        @Test("a frozen leader is replaced, and delivers nothing more when it wakes but what was in flight")
        func frozen() async throws {
            try await WebhookLoad.with(events: 6000, rate: 400) { load in
                let seen = Senders()
                load.receiver.behave(
                    Behaviour { request in
                        seen.note(request.header("x-relay") ?? "", at: request.at)
                        return nil
                    },
                    .some(Lottery(0.3, seed: 7), .late(.milliseconds(50))))
                let relays = try ["one", "two"].map { try load.relay(["DESTINATION_HEADERS": "x-relay: \($0)"]) }
                for relay in relays { try await relay.start() }
                let moments = Moments()
                let (report, _) = try await load.run {
                    try await load.progress(by: 200)
                    for _ in 1...2 {
                        let roles = try await Self.leader(relays)
                        let (name, leader) = (["one", "two"][roles], relays[roles])
                        let standby = relays[1 - roles]
                        leader.freeze()
                        await moments.add()
                        defer { leader.resume() }
                        let start = ContinuousClock.now
                        try await standby.waitUntil("leading", within: .seconds(20)) { $0.role == "leader" }
                        let took = start.duration(to: .now)
                        #expect(took < .seconds(2 + 2), "replaced after \(took)")
                        try await load.progress(by: 100)
                        let woken = ContinuousClock.now
                        leader.resume()
                        try await leader.waitUntil("standing by", within: .seconds(20)) { $0.role == "standby" }
                        try await load.progress(by: 300)
                        let late = seen.count(of: name, since: woken)
                        #expect(late <= 32, "\(late) requests of a leader that was replaced")
                        print("a frozen leader was replaced after \(took); \(late) requests came from it afterwards")
                    }
                }
                #expect(report.isComplete, "\(report)")
                let unexplained = await load.unexplainedRepeats(report, by: moments.all)
                print("frozen leaders: \(report); \(unexplained.count) repeats later than the freezing")
            }
        }

        private static func leader(_ relays: [RelayProcess]) async throws -> Int {
            try await waiting(for: "a leader and a standby", within: .seconds(20)) {
                var roles: [String] = []
                for relay in relays { roles.append(try await relay.status().pipelines[0].role) }
                return Set(roles) == ["leader", "standby"] ? roles.firstIndex(of: "leader") : nil
            }
        }
    }
}
