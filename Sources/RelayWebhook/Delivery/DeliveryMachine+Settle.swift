import RelayCore

extension DeliveryMachine {
    /// Whether something should be written without delay.
    var isUrgent: Bool { !pending.isEmpty || !settledWithPending.isEmpty }

    /// Whether there is anything to write.
    var hasSomethingToWrite: Bool { isUrgent || prefix.canAdvance }

    /// Whether everything that was taken over is settled, and stored as such.
    var isLevel: Bool { prefix.isEmpty && !isUrgent && written == taken }

    /// What is to be written now, all at once; nil when there is nothing, or the last one is still being written.
    mutating func takeSettlement(now: Moment) -> Settlement? {
        guard written == taken else { return nil }
        for (batch, count) in settledWithPending { prefix.settle(batch, count: count) }
        settledWithPending = [:]
        if let passed = prefix.advance() { pending.checkpoint = passed }
        if openedAt != nil, !pending.isEmpty || owesStoppedTime(now) { pending.stoppedMilliseconds = stopped(at: now) }
        guard !pending.isEmpty else { return nil }
        storedStopped = pending.stoppedMilliseconds ?? storedStopped
        defer { pending = Settlement() }
        taken += 1
        parksOthers = (false, parksOthers.pending)
        return pending
    }

    /// The settlement last taken is stored.
    mutating func wrote(now: Moment) {
        written = taken
        if parksOthers.taken { nextDue = 0 }
        parksOthers.taken = false
        while let first = waitingForWrite.first, first.settlement <= written {
            waitingForWrite.removeFirst()
            guard let line = lines[first.key] else { continue }
            switch line.phase {
            case .draining(let after) where after <= written:
                lines[first.key]!.phase = .loading
                toLoad.append(first.key)
            case .leaving(let after, let due) where after <= written:
                lines[first.key] = nil
                parkedLines.remove(first.key)
                if let due { nextDue = min(nextDue, due) }
                guard isLooking else { break }
                // Whatever became of it last is what counts.
                if due == nil {
                    leftSinceLook.remove(first.key)
                    retiredSinceLook.insert(first.key)
                } else {
                    retiredSinceLook.remove(first.key)
                    leftSinceLook.insert(first.key)
                }
            default: break
            }
        }
    }
}

extension DeliveryMachine {
    /// Whether the time that the destination has been stopped has grown enough to be stored by itself: a crash in a long
    /// outage must not make it count against the events.
    func owesStoppedTime(_ now: Moment) -> Bool { openedAt != nil && stopped(at: now) - storedStopped >= 10_000 }

    /// Whether the settlement last taken is stored.
    var isWritten: Bool { written == taken }

    /// Whether time alone may change what is to be done soon.
    func waitsForTime(_ now: Moment) -> Bool {
        guard isRunning else { return false }
        return !waiting.isEmpty || !breaker.isClosed || notBefore > now.uptime
            || (bucket != nil && !(readyFresh.isEmpty && readyParked.isEmpty)) || totals.keys > 0
    }

    /// As people see it.
    var summary: DeliverySummary {
        DeliverySummary(
            totals: totals, breaker: breaker.state, reason: breaker.reason, inFlight: inFlight,
            unsettled: prefix.unsettled, spools: spools)
    }
}
