import RelayCore

/// Parking everything as it comes: for sources whose history does not wait until the endpoint is back.
extension DeliveryMachine {
    /// Begins or ends it. Only while the breaker is open: before, there is nothing to wait for.
    mutating func spool(_ isNeeded: Bool) { isSpooling = isNeeded && limits.spool != nil && !breaker.isClosed }

    private var hasSpoolRoom: Bool { limits.spool.map { totals.bytes < $0 } ?? false }

    /// Whether events are parked as they come now.
    var spools: Bool { isSpooling && hasSpoolRoom }

    /// Whether more should be spooled than there is room for. A probe comes first: an endpoint that is back needs none.
    var isSpoolFull: Bool { isSpooling && hasSeenFailure && !hasSpoolRoom }

    /// What ends delivery when the spool is full.
    func spoolError(of destination: String) -> RelayError? {
        guard isSpoolFull, let most = limits.spool else { return nil }
        return RelayError(
            .spoolFull,
            "the endpoint of \(destination) has failed for so long that \(totals.events) events are parked "
                + "(\(totals.bytes >> 20) MiB; DESTINATION_SPOOL_BYTES is \(most >> 20) MiB), and MongoDB's oplog does not "
                + "reach much further back. Mend the endpoint, or set a larger DESTINATION_SPOOL_BYTES, and run "
                + "`outbox-relay resume` before the oplog has passed the checkpoint; a larger oplog gives more time",
            isRetriable: false)
    }

    /// Parks what is in memory; what follows of those keys is parked behind it.
    mutating func spool(now: Moment) {
        guard !breaker.isClosed, spools else { return }
        readyFresh.removeAll()
        for (key, line) in lines where !line.isParked { park(line: key, due: now.unix, now: now) }
    }
}

extension DeliveryPass.State {
    /// Begins or ends spooling as the source's history demands.
    /// - Parameter share: how much of it is left; asked for only where that counts.
    mutating func spoolIfNeeded(share: @autoclosure () -> Double?, _ now: Moment) {
        guard machine.limits.spool != nil, machine.isRunning else { return }
        machine.spool(spool.decide(share: share(), isOpen: !machine.breaker.isClosed, at: now.uptime))
    }
}
