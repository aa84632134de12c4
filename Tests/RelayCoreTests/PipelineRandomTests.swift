import Synchronization
import Testing

@testable import RelayCore

/// Two pipelines that compete for one lease, against a server on which anything may go wrong at any time.
@Suite("Pipeline: random faults", .timeLimit(.minutes(2)))
struct PipelineRandomTests {
    private struct Plan: Sendable {
        var seed: UInt64
        var count: Int
        var limits: BatchLimits
        var filter: [String]
        var ttl: Duration
        var faultRate: Double
        var sourceRate: Double
        var asksForLetters: Bool

        init(seed: UInt64, asksForLetters: Bool) {
            self.seed = seed
            self.asksForLetters = asksForLetters
            var random = SeededGenerator(seed: seed)
            count = Int.random(in: 100...900, using: &random)
            limits = BatchLimits(
                events: Int.random(in: 1...40, using: &random),
                linger: [.zero, .zero, .milliseconds(2)].randomElement(using: &random)!,
                buffer: [1, 100_000, 1 << 20].randomElement(using: &random)!)
            filter = [["*"], ["rare"], ["c*", "rare"], ["nothing"]].randomElement(using: &random)!
            ttl = .milliseconds(Int.random(in: 300...900, using: &random))
            faultRate = Double.random(in: 0...0.25, using: &random)
            sourceRate = Double.random(in: 0...0.05, using: &random)
        }

        var types: [String] {
            let filter = EventFilter(types: filter)
            return ["rare", "common"].filter { type in
                Array(type.utf8).withUnsafeBytes { filter.passes(topic: $0, type: $0) }
            }
        }
    }

    /// One whole life of a pipeline; returns what went wrong.
    private static func live(_ plan: Plan) async -> [String] {
        var random = SeededGenerator(seed: ~plan.seed)
        var problems: [String] = []
        let server = ModelServer(seed: plan.seed)
        server.state.withLock {
            $0.faultRate = plan.faultRate
            $0.storeFaultRate = plan.faultRate / 10
        }
        let expected = ModelRelay.expected(plan.count, types: plan.types)
        let poison = ModelRelay.poison(plan.count)
        func start(_ generator: inout SeededGenerator, failing: Bool) -> ModelRelay {
            let source = ModelSource(
                count: plan.count, seed: generator.next(), failureRate: failing ? plan.sourceRate : 0)
            return ModelRelay(
                server, source, filter: EventFilter(types: plan.filter), limits: plan.limits, ttl: plan.ttl)
        }
        var relays = [start(&random, failing: true), start(&random, failing: true)]
        var asked: Set<Int64> = []
        func attend() {
            if relays.contains(where: { $0.status.snapshot.state == .halted }) || server.now.stored.paused != nil {
                let open = server.now.requests.contains { $0.request.kind == .resume && $0.state != .answered }
                if !open { server.leave(.resume) }
            }
            guard plan.asksForLetters else { return }
            let new = server.now.letters.keys.filter { asked.insert($0).inserted }.sorted()
            let (even, odd) = (new.filter { $0 % 2 == 0 }, new.filter { $0 % 2 == 1 })
            if !even.isEmpty { server.leave(.retryDeadLetters(even)) }
            if !odd.isEmpty { server.leave(.discardDeadLetters(odd)) }
        }
        // Trouble for a while.
        let trouble = ContinuousClock.now + .milliseconds(Int.random(in: 500...2500, using: &random))
        while ContinuousClock.now < trouble {
            try? await Task.sleep(for: .milliseconds(Int.random(in: 5...80, using: &random)))
            attend()
            switch Int.random(in: 0..<14, using: &random) {
            case 0, 1:
                let index = Int.random(in: 0...1, using: &random)
                let isStop = Bool.random(using: &random)
                let ended = isStop ? await relays[index].stop() : await relays[index].cancel()
                if !ended { problems.append("a \(isStop ? "stop" : "cancellation") did not end the pipeline") }
                relays[index] = start(&random, failing: true)
            case 2: server.rob(for: .milliseconds(Int.random(in: 0...200, using: &random)))
            case 3: server.leave(.pause(reason: "random"))
            default: break
            }
            let queue = server.now.first
            if !expected.starts(with: queue) { problems.append("the queue is no prefix of what is due") }
        }
        // Then all is well, and everything has to arrive.
        server.state.withLock {
            $0.faultRate = 0
            $0.storeFaultRate = 0
        }
        let end = ContinuousClock.now + .seconds(20)
        func isComplete() -> Bool {
            let state = server.now
            let answered = !plan.asksForLetters || state.letters.isEmpty
            return state.first.count >= expected.count && state.lettersEver.count >= poison.count && answered
        }
        while !isComplete(), ContinuousClock.now < end {
            attend()
            try? await Task.sleep(for: .milliseconds(20))
        }
        if !isComplete() {
            let state = server.now
            problems.append(
                "incomplete: \(state.first.count) of \(expected.count) events, \(state.letters.count) letters wait, "
                    + "requests not answered: \(state.requests.filter { $0.state != .answered }.map(\.request.kind)), "
                    + "states \(relays.map { $0.status.snapshot.state })")
        }
        for relay in relays where !(await relay.stop()) { problems.append("the last stop did not end a pipeline") }
        // For commits that land late.
        try? await Task.sleep(for: .milliseconds(200))
        return problems + judge(server.now, expected, poison, plan)
    }

    private static func judge(
        _ state: ModelServer.State, _ expected: [String], _ poison: [String], _ plan: Plan
    ) -> [String] {
        var problems: [String] = []
        if state.first != expected { problems.append("the queue is not what is due") }
        if state.lettersEver != poison { problems.append("the dead letters are not what is due") }
        if state.stored.position != Int64(state.queue.count) {
            problems.append("the position does not count the queue")
        }
        if Set(state.redelivered).count != state.redelivered.count { problems.append("a letter was retried twice") }
        if !Set(state.redelivered).isDisjoint(with: state.discarded) { problems.append("retried and discarded") }
        if plan.asksForLetters, state.redelivered.count + state.discarded.count != poison.count {
            problems.append("\(state.redelivered.count) retried, \(state.discarded.count) discarded of \(poison.count)")
        }
        for (request, answers) in state.answers where answers.count != 1 {
            problems.append("request \(request) was answered \(answers.count) times")
        }
        return problems
    }

    private func run(lives: Int, asksForLetters: Bool, _ name: String) async {
        let seed = freshSeed(name)
        await withTaskGroup(of: (UInt64, [String]).self) { group in
            for life in 0..<lives {
                let plan = Plan(seed: seed &+ UInt64(life), asksForLetters: asksForLetters)
                group.addTask { (plan.seed, await Self.live(plan)) }
            }
            for await (life, problems) in group {
                #expect(problems == [], "life with seed \(life), the first seed was \(seed)")
            }
        }
    }

    @Test("every event is in the queue once and in order, whatever happens; everything ends in bounded time")
    func events() async { await run(lives: 12, asksForLetters: false, "pipeline events") }

    @Test("and every dead letter that a person asks for is retried or discarded once")
    func letters() async { await run(lives: 12, asksForLetters: true, "pipeline letters") }
}
