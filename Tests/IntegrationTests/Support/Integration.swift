import Testing

/// All tests against real servers with the real `outbox-relay` process. Most share one MongoDB and one PostgreSQL, in
/// databases of their own; those that disturb a server start their own.
@Suite("Integration", .crowd(3))
enum Integration {}

/// Lets a few tests run at the same time, not all: each starts a process, and they share the machine's cores.
struct CrowdTrait: SuiteTrait, TestTrait, TestScoping {
    let turnstile: Turnstile
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        // A suite's own scope is around that of its tests: waiting in both would be for ever.
        guard testCase != nil else { return try await function() }
        await turnstile.enter()
        do {
            try await function()
        } catch {
            await turnstile.leave()
            throw error
        }
        await turnstile.leave()
    }
}

extension Trait where Self == CrowdTrait {
    /// At most `limit` test cases at the same time.
    static func crowd(_ limit: Int) -> CrowdTrait { CrowdTrait(turnstile: Turnstile(places: limit)) }
}

/// Lets so many pass at a time, in the order of their coming.
actor Turnstile {
    private var places: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(places: Int) { self.places = places }

    func enter() async {
        if places > 0 {
            places -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty { places += 1 } else { waiting.removeFirst().resume() }
    }
}
