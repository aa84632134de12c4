/// The holder's own view of its lease, counted on its monotonic clock from before each renewal was sent: so it
/// never believes in the lease for longer than the store does.
public struct LeaseClock: Sendable {
    /// How long a renewal holds.
    public let ttl: Duration
    /// When the lease ends unless it is renewed.
    public private(set) var expiresAt: ContinuousClock.Instant

    /// A lease asked for at `sentAt`.
    public init(ttl: Duration, sentAt: ContinuousClock.Instant) {
        self.ttl = ttl
        expiresAt = sentAt + ttl
    }

    /// Notes that a renewal sent at `sentAt` was granted.
    public mutating func renewed(sentAt: ContinuousClock.Instant) {
        expiresAt = max(expiresAt, sentAt + ttl)
    }

    /// Whether the lease has ended at `now`.
    public func hasExpired(at now: ContinuousClock.Instant) -> Bool { now >= expiresAt }

    /// How long to wait between renewals: three tries fit into one lease.
    public var renewalInterval: Duration { ttl / 3 }
}
