import Foundation
import Synchronization

@testable import RelayCore

/// Repeatable random numbers (SplitMix64); tests print the seed.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A new seed, printed so that a failure can be repeated; the environment's `TEST_SEED` where it is set.
func freshSeed(_ name: String) -> UInt64 {
    let fixed = ProcessInfo.processInfo.environment["TEST_SEED"].flatMap { UInt64($0) }
    let seed = fixed ?? UInt64.random(in: 0 ... .max)
    print("\(name): seed \(seed)")
    return seed
}

/// The task's result, or nil when it has not ended within `limit`: a task that hangs fails its test instead of
/// hanging it.
func result<Answer: Sendable>(of task: Task<Answer, any Error>, within limit: Duration) async -> Result<
    Answer, any Error
>? {
    await withCheckedContinuation { continuation in
        let box = Box(continuation)
        Task { box.finish(await task.result) }
        Task {
            try? await Task.sleep(for: limit)
            box.finish(nil)
        }
    }
}

/// Resumes a continuation once, whoever comes first.
private final class Box<Answer: Sendable>: Sendable {
    private let open: Mutex<CheckedContinuation<Answer, Never>?>

    init(_ continuation: CheckedContinuation<Answer, Never>) { open = Mutex(continuation) }

    func finish(_ answer: Answer) {
        let continuation = open.withLock { open in
            defer { open = nil }
            return open
        }
        continuation?.resume(returning: answer)
    }
}

/// Whether `condition` came true within `limit`.
func eventually(within limit: Duration = .seconds(10), _ condition: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + limit
    while !condition() {
        if ContinuousClock.now > end { return false }
        try? await Task.sleep(for: .milliseconds(3))
    }
    return true
}

extension EventBatch {
    /// Appends an event of which only id, topic and type are set.
    func appendEvent(_ id: String, topic: String = "topic", type: String = "type", poison: Poison? = nil) {
        func range(_ text: String) -> ByteRange {
            let start = arena.count
            arena.append(text)
            return ByteRange(offset: start, length: arena.count - start)
        }
        var record = EventRecord()
        record.id = range(id)
        record.topic = range(topic)
        record.type = range(type)
        record.key = record.id
        if let poison { append(record, poison: poison) } else { append(record) }
    }

    /// The ids of all records.
    var ids: [String] { records.map { arena.string($0.id) } }
}
