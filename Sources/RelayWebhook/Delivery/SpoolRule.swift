/// Decides when a source's history runs so short that events have to be parked. A pure value; times are milliseconds of
/// a clock that never goes back.
struct SpoolRule: Sendable {
    /// The share of the history that is left ahead of the checkpoint at which spooling begins, and at which it ends:
    /// late, since what is spooled is written twice into the service's own cluster, but with a quarter of the time
    /// left to write it.
    static let begin = 0.25
    static let end = 0.5
    /// How long the endpoint has to have failed where the history cannot be looked at.
    static let patience: Int64 = 600_000

    private var openSince: Int64?
    private var isNeeded = false

    /// Whether to spool.
    /// - Parameter share: how much of the history is left, from 0 to 1; nil where that is not known.
    mutating func decide(share: Double?, isOpen: Bool, at now: Int64) -> Bool {
        guard isOpen else {
            self = SpoolRule()
            return false
        }
        let since = openSince ?? now
        openSince = since
        if let share {
            isNeeded = share < (isNeeded ? Self.end : Self.begin)
        } else if now - since >= Self.patience {
            isNeeded = true
        }
        return isNeeded
    }
}
