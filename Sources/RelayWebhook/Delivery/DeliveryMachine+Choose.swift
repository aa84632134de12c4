import RelayCore

extension DeliveryMachine {
    /// What a worker is to try now; nil when there is nothing, or it is not the time.
    mutating func choose(now: Moment) -> Assignment? {
        guard isRunning, inFlight < limits.concurrency, now.uptime >= notBefore else { return nil }
        let permission = breaker.permission(at: now.uptime)
        guard permission != .none, hasCandidate(permission) else { return nil }
        if bucket != nil, !bucket!.take(at: now.uptime) { return nil }
        guard permission == .any else { return probe(now) }
        let isParked = takesParked
        guard let key = isParked ? readyParked.popFirst() : readyFresh.popFirst() else { return nil }
        var keys = [key]
        if limits.eventsPerRequest > 1 { gather(&keys, isParked: isParked) }
        return assign(keys, isProbe: false, isParked: isParked, now)
    }

    private func hasCandidate(_ permission: CircuitBreaker.Permission) -> Bool {
        !readyFresh.isEmpty || !readyParked.isEmpty || (permission == .probe && !waiting.isEmpty)
    }

    /// What is parked gets at most half of the attempts while other keys have something to deliver: retries of broken
    /// keys must not hold them up.
    private var takesParked: Bool {
        if readyFresh.isEmpty { return true }
        return !readyParked.isEmpty && !tookParked && 2 * parkedInFlight < max(2, limits.concurrency)
    }

    /// One event: one that was not tried yet if there is one, else the one that has waited longest, so that every event
    /// gets its turn and no broken one keeps the breaker open.
    private mutating func probe(_ now: Moment) -> Assignment? {
        breaker.beginProbe()
        if let key = readyFresh.popFirst() { return assign([key], isProbe: true, isParked: false, now) }
        if let key = readyParked.popFirst() { return assign([key], isProbe: true, isParked: true, now) }
        func since(_ key: EventKey) -> Int64 { lines[key]?.lastAttempt ?? .min }
        guard let key = waiting.min(by: { since($0) < since($1) }) else { return nil }
        waiting.remove(key)
        return assign([key], isProbe: true, isParked: lines[key]!.isParked, now)
    }

    /// Fills a request with the first events of other keys.
    private mutating func gather(_ keys: inout [EventKey], isParked: Bool) {
        guard let head = lines[keys[0]]?.head, !head.isAlone, head.redelivery == nil else { return }
        var bytes = head.event.byteCount
        while keys.count < limits.eventsPerRequest, bytes < limits.bytesPerRequest,
            let key = isParked ? readyParked.first : readyFresh.first, let next = lines[key]?.head
        {
            guard !next.isAlone, next.redelivery == nil else { break }
            bytes += next.event.byteCount
            if bytes > limits.bytesPerRequest { break }
            _ = isParked ? readyParked.removeFirst() : readyFresh.removeFirst()
            keys.append(key)
        }
    }

    private mutating func assign(_ keys: [EventKey], isProbe: Bool, isParked: Bool, _ now: Moment) -> Assignment {
        inFlight += 1
        tookParked = isParked
        if isParked { parkedInFlight += 1 }
        var redelivery: String?
        let events = keys.map { key in
            let head = lines[key]!.head!
            redelivery = head.redelivery
            lines[key]!.phase = .inFlight(since: now.uptime)
            trying.insert(key)
            return head.event
        }
        return Assignment(
            keys: keys, events: events, redelivery: redelivery, isProbe: isProbe, isParked: isParked, began: now,
            stoppedBefore: stopped(at: now))
    }
}
