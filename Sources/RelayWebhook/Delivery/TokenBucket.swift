/// A token bucket: `rate` attempts a second on average, and no more than a tenth of a second's worth at once.
struct TokenBucket: Sendable {
    private let rate: Double
    private let burst: Double
    private var tokens: Double
    private var updated: Int64

    /// A full bucket.
    /// - Parameters:
    ///   - rate: tokens a second.
    ///   - now: the time in milliseconds of a clock that never goes back.
    init(rate: Int, now: Int64) {
        self.rate = Double(rate)
        burst = max(1, Double(rate) / 10)
        tokens = burst
        updated = now
    }

    /// Takes a token, if there is one.
    mutating func take(at now: Int64) -> Bool {
        tokens = min(burst, tokens + Double(max(0, now - updated)) * rate / 1000)
        updated = max(updated, now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
