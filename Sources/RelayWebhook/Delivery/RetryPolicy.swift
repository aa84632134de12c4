/// When an event that could not be delivered is tried again: exponential backoff with full jitter, which spreads the
/// retries of many events best (AWS Architecture Blog, "Exponential Backoff And Jitter").
struct RetryPolicy: Sendable {
    /// `DESTINATION_RETRY_FIRST`, `_RETRY_MAX`, `_RETRY_FOR`, in milliseconds.
    var first: Int64
    var most: Int64
    var limit: Int64

    /// The wait after `attempts` failed attempts (1 or more), in milliseconds: a random time up to a bound that doubles
    /// from `first` to `most`.
    func wait(after attempts: Int, using generator: inout some RandomNumberGenerator) -> Int64 {
        Int64.random(in: 0...bound(after: attempts), using: &generator)
    }

    /// The longest wait after `attempts` failed attempts.
    func bound(after attempts: Int) -> Int64 {
        let doublings = min(max(attempts - 1, 0), 62)
        let (bound, overflowed) = first.multipliedReportingOverflow(by: 1 << doublings)
        return overflowed ? most : min(bound, most)
    }

    /// Whether an event first tried `elapsed` milliseconds ago, without the time that does not count, is given up.
    func isExhausted(after elapsed: Int64) -> Bool { elapsed >= limit }
}
