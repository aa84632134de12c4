import Dispatch

/// Asks again and again until there is an answer.
///
/// - Parameters:
///   - what: what is awaited, as the end of "waited 5.0 seconds for …".
///   - limit: the longest wait; the attempt that is under way then is not broken off.
///   - interval: the pause between two attempts.
///   - attempt: nil or a thrown error means "not yet"; ``GivingUp`` ends the wait.
/// - Throws: ``TestingError`` with the last error when time is up, `CancellationError` when cancelled.
@discardableResult
package func waiting<Answer>(
    for what: String, within limit: Duration, every interval: Duration = .milliseconds(20),
    isolation: isolated (any Actor)? = #isolation, _ attempt: () async throws -> Answer?
) async throws -> Answer {
    let end = ContinuousClock.now + limit
    var last: (any Error)?
    while true {
        do {
            if let answer = try await attempt() { return answer }
            last = nil
        } catch let error as GivingUp {
            throw error.reason
        } catch {
            last = error
        }
        if ContinuousClock.now >= end {
            throw TestingError("waited \(limit) for \(what), in vain\(last.map { ": \($0)" } ?? "")")
        }
        try await Task.sleep(for: interval)
    }
}

/// Ends a ``waiting(for:within:every:isolation:_:)`` that cannot succeed any more.
package struct GivingUp: Error {
    /// What the waiting throws.
    package let reason: TestingError

    /// Ends the waiting with `reason`.
    package init(_ reason: TestingError) { self.reason = reason }
}

/// Sleeps whether or not the task was cancelled: what stops servers must go on then.
func pause(_ duration: Duration) async {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().asyncAfter(deadline: .now() + duration / .seconds(1)) { continuation.resume() }
    }
}
