import RelayCore

extension DeliveryMachine {
    /// Takes the result of an attempt.
    mutating func finish(_ assignment: Assignment, _ result: AttemptResult, now: Moment) {
        inFlight -= 1
        if assignment.isParked { parkedInFlight -= 1 }
        for key in assignment.keys { trying.remove(key) }
        note(assignment, result, now)
        for key in assignment.keys {
            guard lines[key]?.head != nil else { continue }
            if result.verdict != .cancelled, result.verdict != .delivered { count(key, assignment) }
            switch result.verdict {
            case .delivered: delivered(key, now)
            case .retry:
                // What was answered may be about one of them.
                if assignment.keys.count > 1, result.status != nil { lines[key]!.head!.isAlone = true }
                failed(key, result, now)
            case .wait: throttled(key, result, now)
            case .refused where assignment.keys.count > 1:
                // Which of them is refused shows when each is sent by itself.
                lines[key]!.head!.isAlone = true
                ready(key)
            case .refused: refused(key, result, now)
            case .gone, .cancelled: ready(key, first: true)
            }
        }
    }

    /// Lets the breaker and the destination as a whole know of a result.
    private mutating func note(_ assignment: Assignment, _ result: AttemptResult, _ now: Moment) {
        var change = CircuitBreaker.Change.none
        let key = assignment.keys[0]
        switch result.verdict {
        case .delivered:
            lastDelivery = now.uptime
            change = breaker.delivered()
            if change == .none { giveUpRefused(before: .max, now) }
        case .retry:
            change = breaker.failed(
                key, isUnreachable: result.isEndpointFailure,
                isFresh: !assignment.isParked && lines[key]?.attempts == 0,
                isProbe: assignment.isProbe, reason: result.message, at: now.uptime)
        case .wait(let time):
            change = breaker.answered(at: now.uptime)
            // One that asks for no wait, or whose clock is behind, is not called at once and at once again.
            notBefore = max(notBefore, now.uptime + max(time.milliseconds, min(limits.retry.first, 1000)))
        case .refused:
            let countsAlone = lines[key]?.wasRefusedWithAll == true && breaker.isClosed
            if assignment.keys.count == 1, !countsAlone {
                change = breaker.refused(key, isProbe: assignment.isProbe, reason: result.message, at: now.uptime)
            } else if assignment.isProbe {
                breaker.probeCancelled()
            }
        case .gone:
            if assignment.isProbe { breaker.probeCancelled() }
            isRunning = false
            let reason =
                "the receiver answered 410 Gone: it asks not to be called any more. When that is settled, run "
                + "`outbox-relay resume`"
            pauseReason = reason
            pending.pause = reason
        case .cancelled:
            if assignment.isProbe { breaker.probeCancelled() }
        }
        if change == .opened || (assignment.isProbe && (breaker.state == .open || breaker.state == .refusing)) {
            hasSeenFailure = true
        }
        if change == .opened { opened(now) }
        if change == .closed { closed(now) }
        if change != .none { report.breaker.append((breaker.state, breaker.reason)) }
    }

    private mutating func opened(_ now: Moment) {
        openedAt = now.uptime
        // Nobody is given up while everybody is refused.
        for key in refusing {
            if case .refused = lines[key]?.phase { holdThroughRefusing(key, now) }
        }
        refusing = []
    }

    private mutating func closed(_ now: Moment) {
        stoppedMilliseconds = stopped(at: now)
        openedAt = nil
        pending.stoppedMilliseconds = stoppedMilliseconds
        // What is in memory need not wait any longer.
        for key in waiting { ready(key, keepsWaiting: true) }
        waiting = []
    }

    private mutating func count(_ key: EventKey, _ assignment: Assignment) {
        lines[key]!.attempts += 1
        lines[key]!.lastAttempt = assignment.began.unix
        guard lines[key]!.firstAttempt == nil else { return }
        lines[key]!.firstAttempt = assignment.began.unix
        lines[key]!.stoppedBefore = assignment.stoppedBefore
    }

    // MARK: - What follows for a key

    private mutating func delivered(_ key: EventKey, _ now: Moment) {
        let item = lines[key]!.head!
        if let id = item.parked {
            unpark(id, item.event)
        } else if let batch = item.batch {
            prefix.settle(batch)
        }
        report.delivered += 1
        let committed = item.event.record.committedAt
        if committed != .min, item.redelivery == nil { report.latencies.append(max(0, now.unix - committed)) }
        next(key, now)
    }

    private mutating func failed(_ key: EventKey, _ result: AttemptResult, _ now: Moment) {
        if giveUpIfExhausted(key, result, now) { return }
        let wait = limits.retry.wait(after: lines[key]!.attempts, using: &random)
        if lines[key]!.isParked {
            reschedule(key, due: now.unix + min(wait, left(key, now)))
        } else {
            waiting.insert(key)
            // From its first failure on: short waits one after the other are no reason to stay in memory for ever.
            let since = lines[key]!.failingSince ?? now.uptime
            lines[key]!.failingSince = since
            lines[key]!.phase = .held(due: now.uptime + min(wait, left(key, now)), since: since)
        }
    }

    private mutating func throttled(_ key: EventKey, _ result: AttemptResult, _ now: Moment) {
        if !giveUpIfExhausted(key, result, now) { ready(key, first: true) }
    }

    private mutating func refused(_ key: EventKey, _ result: AttemptResult, _ now: Moment) {
        lines[key]!.refusal = result
        if !breaker.isClosed {
            holdThroughRefusing(key, now)
        } else if lines[key]!.wasRefusedWithAll {
            giveUp(key, .rejected, result, now)
        } else {
            waiting.insert(key)
            refusing.insert(key)
            lines[key]!.phase = .refused(until: now.uptime + Self.holdTime)
        }
    }

    private mutating func holdThroughRefusing(_ key: EventKey, _ now: Moment) {
        lines[key]!.wasRefusedWithAll = true
        if lines[key]!.isParked {
            reschedule(key, due: now.unix + limits.retry.first)
        } else {
            waiting.insert(key)
            lines[key]!.phase = .held(due: .max, since: now.uptime)
        }
    }

    mutating func reschedule(_ key: EventKey, due: Int64) {
        pending.keys[key] = .some(schedule(lines[key]!, due: due))
        leave(key, due: due)
    }

    /// The milliseconds that are left until the first event of a line is given up.
    private func left(_ key: EventKey, _ now: Moment) -> Int64 { max(0, limits.retry.limit - elapsed(key, now)) }

    private func elapsed(_ key: EventKey, _ now: Moment) -> Int64 {
        guard let line = lines[key], let first = line.firstAttempt else { return 0 }
        return now.unix - first - max(0, stopped(at: now) - line.stoppedBefore)
    }

    private mutating func giveUpIfExhausted(_ key: EventKey, _ result: AttemptResult, _ now: Moment) -> Bool {
        guard breaker.isClosed, limits.retry.isExhausted(after: elapsed(key, now)) else { return false }
        giveUp(key, .exhausted, result, now)
        return true
    }

    /// Makes a dead letter of a line's first event and goes on with the next.
    private mutating func giveUp(_ key: EventKey, _ reason: Poison.Reason, _ result: AttemptResult, _ now: Moment) {
        let line = lines[key]!
        let item = line.head!
        let message =
            reason == .exhausted
            ? "not delivered within DESTINATION_RETRY_FOR; the last attempt: \(result.message)" : result.message
        pending.deadLetters.append(
            NewDeadLetter(
                item.event, Poison(reason, message), attempts: line.attempts, status: result.status,
                answer: result.answer, firstAttempt: line.firstAttempt, lastAttempt: line.lastAttempt))
        if let id = item.parked {
            unpark(id, item.event)
        } else if let batch = item.batch {
            settledWithPending[batch, default: 0] += 1
        }
        report.deadLettered[reason, default: 0] += 1
        waiting.remove(key)
        next(key, now)
    }

    /// Goes on with the event behind the first.
    private mutating func next(_ key: EventKey, _ now: Moment) {
        if lines[key]!.isParked, lines[key]!.firstAttempt != nil {
            // What is stored of the key is about the event before.
            lines[key]!.beginNext()
            pending.keys[key] = .some(schedule(lines[key]!, due: now.unix))
        }
        lines[key]!.beginNext()
        lines[key]!.head = lines[key]!.rest.popFirst()
        if lines[key]!.head != nil {
            ready(key)
        } else if !lines[key]!.isParked {
            lines[key] = nil
        } else if lines[key]!.mayHaveMore {
            wait(key, .draining(after: building), for: building)
        } else {
            retire(key)
        }
    }

    private mutating func ready(_ key: EventKey, first: Bool = false, keepsWaiting: Bool = false) {
        if !keepsWaiting { waiting.remove(key) }
        lines[key]!.phase = .ready
        enqueue(key, isParked: lines[key]!.isParked, first: first)
    }

    // MARK: - The passing of time

    /// Looks at what time has changed. Called some fifty times a second while anything waits.
    mutating func review(now: Moment) {
        if isRunning, isSpooling { spool(now: now) }
        guard isRunning, breaker.isClosed else { return }
        for key in waiting {
            switch lines[key]!.phase {
            case .held(let due, let since):
                if now.uptime - since >= Self.holdTime || isFull {
                    park(line: key, due: due == .max ? now.unix : now.unix + max(0, due - now.uptime), now: now)
                } else if due <= now.uptime {
                    ready(key)
                }
            default: break
            }
        }
        giveUpRefused(before: now.uptime, now)
        guard now.uptime >= nextStragglers else { return }
        nextStragglers = now.uptime + Self.stragglerTime / 8
        parkStragglers(now)
    }

    /// Gives up the events that were refused and whose time to wait for others is over.
    mutating func giveUpRefused(before time: Int64, _ now: Moment) {
        for key in refusing {
            guard case .refused(let until) = lines[key]?.phase, let result = lines[key]!.refusal else {
                refusing.remove(key)
                continue
            }
            guard until <= time else { continue }
            refusing.remove(key)
            giveUp(key, .rejected, result, now)
        }
    }

    /// Parks events whose attempt takes long while others are delivered, so that they do not hold up the checkpoint.
    /// Were the whole endpoint slow, nothing would have been delivered since, and nothing is parked.
    private mutating func parkStragglers(_ now: Moment) {
        for key in trying {
            guard let line = lines[key], !line.isParked, case .inFlight(let since) = line.phase,
                now.uptime - since >= Self.stragglerTime, lastDelivery > since
            else { continue }
            // Only a crash lets it come to that: as long as the line is in memory, it is not read from the park.
            park(line: key, due: now.unix + Self.holdTime, now: now)
        }
    }
}
