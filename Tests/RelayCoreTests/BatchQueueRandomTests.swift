import Synchronization
import Testing

@testable import RelayCore

/// One producer and one consumer, interleaved at random.
@Suite("Batch queue: random interleavings", .timeLimit(.minutes(1)))
struct BatchQueueRandomTests {
    /// What is cut off at a random point.
    enum Cut: CaseIterable { case nothing, producer, consumer }

    private final class Ledger: Sendable {
        let submitted = Atomic<Int>(0)
        let taken = Atomic<Int>(0)
        let wakes = Atomic<Int>(0)
        let woken = Atomic<Int>(0)
        let wrong = Mutex<[String]>([])
        func note(_ problem: String) { wrong.withLock { $0.append(problem) } }
    }

    private struct Plan {
        var limits: BatchLimits
        var events: Int
        var cut: Cut
        var cutAfter: Duration
        var seed: UInt64

        init(_ random: inout SeededGenerator) {
            limits = BatchLimits(
                events: Int.random(in: 1...60, using: &random), bytes: Int.random(in: 1...20_000, using: &random),
                linger: Bool.random(using: &random) ? .zero : .microseconds(Int.random(in: 1...800, using: &random)),
                buffer: [1, 70_000, 200_000, 1 << 20].randomElement(using: &random)!)
            events = Int.random(in: 0...1500, using: &random)
            cut = Cut.allCases.randomElement(using: &random)!
            cutAfter = .microseconds(Int.random(in: 0...6000, using: &random))
            seed = random.next()
        }
    }

    private static func produce(_ plan: Plan, _ queue: BatchQueue, _ ledger: Ledger) async throws {
        defer { queue.finish() }
        var random = SeededGenerator(seed: plan.seed)
        var count = 0
        var position = Checkpoint()
        while count < plan.events {
            let batch = try await queue.checkOut(behind: position)
            let wanted = Int.random(in: 0...30, using: &random)
            for _ in 0..<wanted where count < plan.events && !queue.isFull(batch) {
                batch.appendEvent(
                    "\(count)", topic: String(repeating: "x", count: Int.random(in: 0...300, using: &random)))
                count += 1
            }
            position.ordinal = count
            batch.close(at: position, sourceTime: nil, isLevel: false)
            let size = batch.heldBytes
            queue.submit(batch)
            ledger.submitted.store(count, ordering: .sequentiallyConsistent)
            let held = queue.heldBytes
            if held > queue.limits.buffer + size { ledger.note("\(held) bytes held, the batch has \(size)") }
            if Int.random(in: 0..<4, using: &random) == 0 { await Task.yield() }
            if Int.random(in: 0..<40, using: &random) == 0 {
                try await Task.sleep(for: .microseconds(Int.random(in: 0...500, using: &random)))
            }
        }
    }

    private static func consume(_ plan: Plan, _ queue: BatchQueue, _ ledger: Ledger) async throws {
        var random = SeededGenerator(seed: ~plan.seed)
        var next = 0
        while true {
            switch try await queue.take() {
            case .finished: return
            case .woken: ledger.woken.add(1, ordering: .sequentiallyConsistent)
            case .batch(let batch):
                for id in batch.ids {
                    if id != "\(next)" { ledger.note("event \(id) where \(next) was due") }
                    next += 1
                }
                if batch.records.count > plan.limits.events { ledger.note("a batch of \(batch.records.count)") }
                if batch.end.ordinal != next { ledger.note("ends at \(batch.end.ordinal) behind event \(next)") }
                ledger.taken.store(next, ordering: .sequentiallyConsistent)
            }
            if Int.random(in: 0..<8, using: &random) == 0 {
                try await Task.sleep(for: .microseconds(Int.random(in: 0...400, using: &random)))
            }
        }
    }

    @Test("nothing is lost or reordered, nobody hangs, and the buffer's limit holds")
    func interleavings() async throws {
        let seed = freshSeed("batch queue")
        var random = SeededGenerator(seed: seed)
        let end = ContinuousClock.now + .seconds(4)
        var rounds = 0
        while ContinuousClock.now < end, rounds < 600 {
            rounds += 1
            let plan = Plan(&random)
            let queue = BatchQueue(limits: plan.limits)
            let ledger = Ledger()
            let producer = Task { try await Self.produce(plan, queue, ledger) }
            let consumer = Task { try await Self.consume(plan, queue, ledger) }
            let waker = Task {
                var random = SeededGenerator(seed: plan.seed &+ 1)
                while true {
                    try await Task.sleep(for: .microseconds(Int.random(in: 0...1500, using: &random)))
                    ledger.wakes.add(1, ordering: .sequentiallyConsistent)
                    queue.wake()
                }
            }
            if plan.cut != .nothing {
                try await Task.sleep(for: plan.cutAfter)
                (plan.cut == .producer ? producer : consumer).cancel()
            }
            let note: Comment = "round \(rounds), \(plan), seed \(seed)"
            let consumed = try #require(await result(of: consumer, within: .seconds(10)), note)
            // Without a consumer the producer may wait for ever, as it should.
            if plan.cut == .consumer { producer.cancel() }
            let produced = try #require(await result(of: producer, within: .seconds(10)), note)
            waker.cancel()
            _ = await waker.result
            #expect(ledger.wrong.withLock { $0 } == [], note)
            let (taken, submitted) = (
                ledger.taken.load(ordering: .sequentiallyConsistent),
                ledger.submitted.load(ordering: .sequentiallyConsistent)
            )
            #expect(taken <= submitted, note)
            #expect(ledger.woken.load(ordering: .relaxed) <= ledger.wakes.load(ordering: .relaxed), note)
            if plan.cut != .consumer {
                #expect(throws: Never.self) { try consumed.get() }
                #expect(taken == submitted, note)
                #expect(queue.heldBytes == 0, note)
            }
            if plan.cut == .nothing {
                #expect(throws: Never.self) { try produced.get() }
                #expect(taken == plan.events, note)
            }
        }
        print("batch queue: \(rounds) rounds")
        #expect(rounds > 20)
    }

    @Test("no wake-up is lost, however tight the hand-over")
    func tightHandOver() async throws {
        let count = 40_000
        for limits in [
            BatchLimits(events: 1, buffer: 1), BatchLimits(events: 1), BatchLimits(events: 3, buffer: 200_000),
        ] {
            let queue = BatchQueue(limits: limits)
            let producer = Task {
                defer { queue.finish() }
                for number in 0..<count {
                    let batch = try await queue.checkOut(behind: Checkpoint())
                    batch.appendEvent("\(number)")
                    queue.submit(batch)
                }
            }
            let consumer = Task {
                var taken = 0
                while case .batch(let batch) = try await queue.take() { taken += batch.records.count }
                return taken
            }
            let taken = await result(of: consumer, within: .seconds(10))
            producer.cancel()
            consumer.cancel()
            #expect(try taken?.get() == count, "limits \(limits)")
        }
    }
}
