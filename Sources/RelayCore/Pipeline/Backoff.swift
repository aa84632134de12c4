/// Growing waits with full jitter between attempts: a random time between half and all of a bound that
/// doubles from `first` to `most`. (Full jitter down to zero would let a dead server be tried hot.)
public struct Backoff: Sendable {
    private let first: Duration
    private let most: Duration
    private var bound: Duration

    /// Waits that begin at `first` and grow to `most`.
    public init(first: Duration = .milliseconds(100), most: Duration = .seconds(5)) {
        self.first = first
        self.most = most
        bound = first
    }

    /// The next wait.
    public mutating func next() -> Duration {
        defer { bound = min(bound * 2, most) }
        return bound * Double.random(in: 0.5...1)
    }

    /// Begins anew after a success.
    public mutating func reset() { bound = first }
}
