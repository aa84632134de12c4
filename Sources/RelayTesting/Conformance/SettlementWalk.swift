import RelayCore

/// Random settlements, one after another, compared with a model of what should be stored then.
package struct SettlementWalk {
    private var random: ConformanceRandom
    private var leader: SettlementLeader
    private let open: @Sendable () -> any SettlementStore
    private var position: Int64 = 0

    /// Settlements that were written, and those of which it turned out that they were not.
    package private(set) var written = 0
    package private(set) var lost = 0

    /// A walk over the stores that `open` opens for one pipeline.
    package init(_ random: ConformanceRandom, _ open: @escaping @Sendable () -> any SettlementStore) async throws {
        self.random = random
        self.open = open
        leader = try await SettlementLeader.lead(open())
    }

    /// Takes `steps` steps.
    /// - Parameter disturb: called before some of the writes, to let them fail.
    /// - Throws: ``TestingError``, with the seed, at the first difference.
    package mutating func run(
        steps: Int, comparingEach interval: Int = 10, disturb: ((inout ConformanceRandom) async throws -> Void)? = nil
    ) async throws {
        for step in 1...steps {
            do {
                if let disturb, Int.random(in: 0..<4, using: &random) == 0 { try await disturb(&random) }
                switch Int.random(in: 0..<20, using: &random) {
                case 0: try await leader.reload()
                case 1: try await changeHands()
                case 2: try await writeStale()
                default: try await settle()
                }
                try leader.checkState(leader.state)
                if step % interval == 0 || step == steps { try await compare() }
            } catch {
                throw TestingError("step \(step) of seed \(random.seed): \(error)")
            }
        }
    }

    private mutating func settle() async throws {
        if try await leader.settleOrFindOut(settlement()) { written += 1 } else { lost += 1 }
    }

    private mutating func changeHands() async throws {
        let former = leader
        _ = try await waiting(for: "the lease to be given back", within: .seconds(30)) {
            try await former.store.releaseLease(former.grant)
            return true
        }
        var next = try await SettlementLeader.lead(open())
        next.model = leader.model
        leader = next
        // The former one does not know yet, and must not write.
        let late = settlement()
        try await expectFailure("a former leader wrote") {
            _ = try await former.store.settle(late, after: former.state, under: former.grant)
        }
        try await leader.reload()
    }

    private mutating func writeStale() async throws {
        guard leader.state.revision > 0 else { return }
        var stale = leader.state
        stale.revision -= 1
        let (late, leader) = (settlement(), leader)
        try await expectFailure("an old revision was written") {
            _ = try await leader.store.settle(late, after: stale, under: leader.grant)
        }
        try await self.leader.reload()
    }

    private mutating func compare() async throws {
        let keys = leader.model.keys.keys.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
        let excluded = keys.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
        let time = Int64.random(in: 0..<100, using: &random)
        let limit = Int.random(in: 0...20, using: &random)
        let leader = leader
        // What disturbs writes may disturb reads as well: those are asked again.
        for attempt in 1... {
            do {
                return try await leader.compare(excluding: excluded, at: time, limit: limit)
            } catch let error as RelayError where error.isRetriable && attempt < 20 {
                continue
            }
        }
    }

    private mutating func settlement() -> Settlement {
        var settlement = Settlement()
        let model = leader.model
        func chance(_ part: Int, _ random: inout ConformanceRandom) -> Bool {
            Int.random(in: 0..<part, using: &random) == 0
        }
        if chance(2, &random) {
            position = max(position, model.stored.position) + Int64.random(in: 0...3, using: &random)
            var end = Checkpoint()
            end.token = "\(position)"
            settlement.checkpoint = (end, position)
        }
        // A third moves the checkpoint only, if anything.
        if chance(3, &random) { return settlement }
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let event = event()
            settlement.parked.append(event)
            settlement.keys[event.key] = schedule()
        }
        let parked = model.parked.keys.sorted { ($0.position, $0.hash) < ($1.position, $1.hash) }
        for id in parked where chance(6, &random) { settlement.unparked.append(id) }
        if chance(4, &random) { settlement.unparked.append(event().id) }
        let keys = model.keys.keys.sorted { ($0.high, $0.low) < ($1.high, $1.low) }
        for key in keys where chance(5, &random) {
            settlement.keys[key] = chance(2, &random) ? .some(nil) : schedule()
        }
        for _ in 0..<(chance(3, &random) ? 2 : 0) {
            settlement.deadLetters.append(
                NewDeadLetter(
                    event().event, Poison(Poison.Reason.allCases.randomElement(using: &random) ?? .refused, "a reason"),
                    attempts: Int.random(in: 0...9, using: &random), status: chance(2, &random) ? 400 : nil,
                    answer: chance(2, &random) ? [1, 2, 255] : [], firstAttempt: chance(2, &random) ? 17 : nil,
                    lastAttempt: nil))
        }
        for id in model.letters.keys.sorted() where chance(5, &random) {
            settlement.resolved[id] = chance(2, &random) ? .retried : .discarded
        }
        if chance(10, &random) { settlement.pause = "pause \(position)" }
        if chance(4, &random) { settlement.stoppedMilliseconds = Int64.random(in: 0...1_000_000, using: &random) }
        return settlement
    }

    private mutating func event() -> ParkedEvent {
        let number = Int.random(in: 0..<40, using: &random)
        var sample = SettlementConformance.samples.randomElement(using: &random) ?? SampleEvent("x")
        sample.id += Array("\(number)".utf8)
        sample.key += Array("\(number % 7)".utf8)
        if number % 5 == 0 { sample.document = [5, 0, 0, 0, 0] }
        if number % 9 == 0 { sample.payload += [UInt8](repeating: 120, count: 3000) }
        return sample.parked(at: position + Int64(number), redelivery: number % 11 == 0 ? "replay" : nil)
    }

    private mutating func schedule() -> ParkedSchedule {
        ParkedSchedule(
            due: Int64.random(in: 0..<100, using: &random), attempts: Int.random(in: 0...100, using: &random),
            firstAttempt: Bool.random(using: &random) ? Int64.random(in: 0..<100, using: &random) : nil,
            stoppedBefore: Int64.random(in: 0...Int64(1) << 40, using: &random),
            since: Int64.random(in: 0..<100, using: &random))
    }
}
