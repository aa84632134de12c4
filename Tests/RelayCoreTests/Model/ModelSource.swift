import Synchronization

@testable import RelayCore

/// A source of numbered events that never forgets any: `e0`, `e1` and so on. Its resume token is the number of
/// events read.
final class ModelSource: Source {
    /// How many events there are; grows while the source is read.
    let count: Atomic<Int>
    /// Why the next reading ends, and before which event.
    let failures: Mutex<[Int: any Error & Sendable]>
    private let random: Mutex<SeededGenerator>
    private let failureRate: Double
    private let largestStep: Int
    /// How many readings were begun.
    let readings = Atomic<Int>(0)

    init(count: Int, seed: UInt64 = 1, failureRate: Double = 0, largestStep: Int = 20) {
        self.count = Atomic(count)
        self.failureRate = failureRate
        self.largestStep = largestStep
        failures = Mutex([:])
        random = Mutex(SeededGenerator(seed: seed))
    }

    /// Every 17th document is no event.
    static func isPoison(_ number: Int) -> Bool { number % 17 == 5 }
    /// Every third event is of the type `rare`.
    static func type(_ number: Int) -> String { number % 3 == 0 ? "rare" : "common" }

    func read(from checkpoint: Checkpoint?, into queue: BatchQueue) async throws {
        readings.add(1, ordering: .relaxed)
        var position = checkpoint ?? Checkpoint()
        var next = position.token.flatMap { Int($0) } ?? 0
        while true {
            let batch = try await queue.checkOut(behind: position)
            var failure: (any Error)?
            for _ in 0..<random.withLock({ Int.random(in: 0...largestStep, using: &$0) }) {
                guard next < count.load(ordering: .relaxed), !queue.isFull(batch) else { break }
                failure = failures.withLock { $0.removeValue(forKey: next) }
                if failure != nil { break }
                batch.appendEvent(
                    "e\(next)", type: Self.type(next),
                    poison: Self.isPoison(next) ? Poison(.missingField, "none") : nil)
                next += 1
            }
            position.token = "\(next)"
            position.clusterTime = ClusterTime(seconds: UInt32(next), increment: 1)
            let isLevel = next == count.load(ordering: .relaxed)
            batch.close(at: position, sourceTime: nil, isLevel: isLevel)
            queue.submit(batch)
            if let failure { throw failure }
            if random.withLock({ Double.random(in: 0..<1, using: &$0) }) < failureRate {
                throw RelayError(.unavailable, "an election", isRetriable: true)
            }
            if isLevel { try await Task.sleep(for: .milliseconds(3)) } else { await Task.yield() }
        }
    }

    func decode(document: [UInt8]) throws -> EventBatch {
        let batch = EventBatch(end: Checkpoint())
        batch.appendEvent("again:" + String(decoding: document, as: UTF8.self))
        return batch
    }
}
