import RelayCore

extension PipelineSnapshot {
    /// Itself, where the destination is a webhook: the only kind with a breaker.
    var webhook: PipelineSnapshot? { breaker == nil ? nil : self }

    /// Itself, where it leads: a relay that has lost the lease remembers what another changes now.
    var leading: PipelineSnapshot? { role == .leader ? self : nil }

    /// For how long the key parked longest has been, at `now` in Unix seconds; nil while none is parked.
    func oldestParkedSeconds(at now: Double) -> Double? { oldestParkedAt.map { max(0, now - $0) } }
}
