import RelayCore
import RelayTesting
import Synchronization

@testable import RelayWebhook

/// A receiver that answers by a script, and remembers what it took.
final class ScriptedReceiver: EventSender {
    /// How it behaves.
    struct Script: Sendable {
        /// The part of attempts that fail and may be repeated.
        var failing = 0.0
        /// The part that takes much longer.
        var slow = 0.0
        /// Events that are refused for good, by id.
        var refused: Set<String> = []
        /// Events that fail every time, by id.
        var broken: Set<String> = []
        /// Whether everything fails.
        var isDown = false
        /// Whether everything is refused.
        var refusesAll = false
        var latency: ClosedRange<Int> = 0...2
    }

    struct Memory: Sendable {
        var script = Script()
        var random: ConformanceRandom
        /// Every accepted event in the order of arrival: id, key, position.
        var accepted: [(id: String, key: String, position: Int64)] = []
        var attempts = 0
        var inFlight: [String: Int] = [:]
        var overlaps: [String] = []
        var generation = 0
    }
    let memory: Mutex<Memory>

    init(_ script: Script = Script(), seed: UInt64) {
        memory = Mutex(Memory(script: script, random: ConformanceRandom(seed: seed)))
    }

    func behave(_ change: @Sendable (inout Script) -> Void) { memory.withLock { change(&$0.script) } }

    func attempt(_ events: [EventReference], redelivery: String?) async -> AttemptResult {
        let named = events.map { ($0.text(\.id)!, $0.text(\.key)!, $0.position) }
        let (wait, generation) = memory.withLock { memory -> (Int, Int) in
            memory.attempts += 1
            for (id, key, _) in named where redelivery == nil {
                if memory.inFlight[key, default: 0] > 0 { memory.overlaps.append("\(key) at \(id)") }
                memory.inFlight[key, default: 0] += 1
            }
            let isSlow = Double.random(in: 0..<1, using: &memory.random) < memory.script.slow
            return (
                isSlow ? 30 : Int.random(in: memory.script.latency, using: &memory.random), memory.generation
            )
        }
        if wait > 0 { try? await Task.sleep(for: .milliseconds(wait)) }
        return memory.withLock { memory in
            for (_, key, _) in named where redelivery == nil { memory.inFlight[key]! -= 1 }
            let result = Self.answer(named.map(\.0), &memory)
            if result.verdict == .delivered {
                // Even one that was broken off may have arrived.
                for (id, key, position) in named { memory.accepted.append((id, key, position)) }
            }
            return generation == memory.generation ? result : AttemptResult(.cancelled, .cancelled)
        }
    }

    private static func answer(_ ids: [String], _ memory: inout Memory) -> AttemptResult {
        let script = memory.script
        if script.isDown { return AttemptResult(.retry, .connection, message: "down", isEndpointFailure: true) }
        if script.refusesAll { return AttemptResult(.refused, .refused, status: 400, message: "400") }
        if Double.random(in: 0..<1, using: &memory.random) < script.failing {
            return AttemptResult(.retry, .serverError, status: 500, message: "500")
        }
        if ids.contains(where: script.broken.contains) {
            return AttemptResult(.retry, .serverError, status: 500, message: "500")
        }
        if ids.contains(where: script.refused.contains) {
            return AttemptResult(.refused, .refused, status: 422, answer: Array("no".utf8), message: "422")
        }
        return AttemptResult(.delivered, .delivered, status: 200)
    }

    func cancelAll() { memory.withLock { $0.generation += 1 } }
}
