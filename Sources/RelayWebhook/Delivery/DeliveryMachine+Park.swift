import RelayCore

extension DeliveryMachine {
    /// Parks one event; it is settled as soon as that is written.
    mutating func park(_ item: DeliveryItem, _ key: EventKey) {
        let parked = ParkedEvent(item.event, key: key, redelivery: item.redelivery)
        countParked(parked)
        if let batch = item.batch { settledWithPending[batch, default: 0] += 1 }
        report.parkedEvents += 1
    }

    /// An event that is to be stored as parked.
    private mutating func countParked(_ event: ParkedEvent) {
        pending.parked.append(event)
        pending.parkedBytes += Int64(event.event.byteCount)
        totals.events += 1
        totals.bytes += Int64(event.event.byteCount)
    }

    /// A parked event is settled for good.
    mutating func unpark(_ id: ParkedEvent.ID, _ event: EventReference) {
        pending.unparked.append(id)
        pending.parkedBytes -= Int64(event.byteCount)
        totals.events -= 1
        // What is stored may have been counted otherwise.
        totals.bytes = totals.events == 0 ? 0 : max(0, totals.bytes - Int64(event.byteCount))
    }

    /// Parks every event of a line that was in memory only. While its first event is being tried it stays in memory.
    mutating func park(line key: EventKey, due: Int64, now: Moment) {
        guard var line = lines[key], !line.isParked, let head = line.head else { return }
        park(head, key)
        // By itself: the batch it came with counts as settled and must not be held any longer.
        line.head!.event = head.event.copied()
        line.head!.batch = nil
        line.head!.parked = ParkedEvent(head.event, key: key).id
        for item in line.rest { park(item, key) }
        if !line.rest.isEmpty {
            // Read again in their turn: their batches count as settled and must not be held any longer.
            line.rest = []
            line.mayHaveMore = true
            line.appendedIn = building
        }
        line.isParked = true
        line.parkedSince = now.unix
        totals.keys += 1
        if totals.oldest == nil { totals.oldest = now.unix }
        parkedLines.insert(key)
        lines[key] = line
        pending.keys[key] = .some(schedule(line, due: due))
        // While its first event is being tried, what becomes of that decides.
        if case .inFlight = line.phase { return }
        leave(key, due: due)
    }

    /// Parks what would otherwise be a gap when delivery stops in good order: events before the newest that is settled.
    /// Without that the checkpoint would stay before them, and whatever was delivered behind it be delivered again.
    mutating func parkGaps(now: Moment) {
        isRunning = false
        for (key, line) in lines where !line.isParked {
            guard let batch = line.head?.batch, batch <= prefix.newestSettled else { continue }
            // What lies behind is read again, and finds its key parked.
            lines[key]!.rest.removeAll { $0.batch! > prefix.newestSettled }
            let due: Int64 =
                if case .held(let due, _) = line.phase, due != .max { now.unix + max(0, due - now.uptime) } else {
                    now.unix
                }
            park(line: key, due: due, now: now)
        }
        if openedAt != nil { pending.stoppedMilliseconds = stopped(at: now) }
    }

    func schedule(_ line: KeyLine, due: Int64) -> ParkedSchedule {
        ParkedSchedule(
            due: due, attempts: line.attempts, firstAttempt: line.firstAttempt, stoppedBefore: line.stoppedBefore,
            since: line.parkedSince)
    }

    /// Lets a line leave memory when what is pending is written. `due` is nil for one with nothing parked any more.
    mutating func leave(_ key: EventKey, due: Int64?) {
        lines[key]!.head = nil
        lines[key]!.rest = []
        loadedBytes -= lines[key]!.loadedBytes
        lines[key]!.loadedBytes = 0
        wait(key, .leaving(after: building, due: due), for: building)
    }

    /// Lets a line wait for a settlement that is not written yet.
    mutating func wait(_ key: EventKey, _ phase: KeyLine.Phase, for settlement: Int) {
        waiting.remove(key)
        lines[key]!.phase = phase
        waitingForWrite.append((key, settlement))
    }

    /// Parks dead letters for another delivery at once, each by itself: what has gone on since does not wait for them.
    mutating func redeliver(_ letters: [(id: Int64, event: EventReference)], redelivery: String, now: Moment) {
        for letter in letters {
            let id = letter.event.bytes(\.id) ?? UnsafeRawBufferPointer(start: nil, count: 0)
            let key = EventKey(apart: "redelivery", id, letter.id)
            countParked(ParkedEvent(letter.event, key: key, redelivery: redelivery))
            pending.keys[key] = .some(
                ParkedSchedule(due: now.unix, attempts: 0, firstAttempt: nil, stoppedBefore: 0, since: now.unix))
            pending.resolved[letter.id] = .retried
            totals.keys += 1
        }
        parksOthers.pending = true
    }

    /// Parks an event until it is due, by itself: later events of its key do not wait for it.
    mutating func delay(_ event: EventReference, _ number: Int, _ now: Moment) {
        let id = event.bytes(\.id) ?? UnsafeRawBufferPointer(start: nil, count: 0)
        parkApart(
            event, key: EventKey(apart: "delayed", id, event.position), redelivery: "delayed",
            due: event.record.deliverAfter, now)
        settledWithPending[number, default: 0] += 1
    }

    /// Parks events that a request asks for, each by itself, and stores its progress with them.
    mutating func park(_ events: [EventReference], for errand: Errand, now: Moment) {
        for event in events {
            let id = event.bytes(\.id) ?? UnsafeRawBufferPointer(start: nil, count: 0)
            let key = EventKey(apart: "errand", id, errand.request.id)
            errandKeys.insert(key)
            parkApart(event, key: key, redelivery: errand.redelivery, due: now.unix, now)
        }
        pending.progress[errand.request.id] = errand.progress(delivered: events.count, unusable: 0).text
    }

    private mutating func parkApart(
        _ event: EventReference, key: EventKey, redelivery: String?, due: Int64, _ now: Moment
    ) {
        // The same event twice in one request is delivered once.
        // Parked, as far as it is a sign of trouble, from the time when it is due.
        let isNew =
            pending.keys.updateValue(
                .some(
                    ParkedSchedule(
                        due: due, attempts: 0, firstAttempt: nil, stoppedBefore: 0, since: max(due, now.unix))),
                forKey: key) == nil
        guard isNew else { return }
        countParked(ParkedEvent(event, key: key, redelivery: redelivery))
        totals.keys += 1
        parksOthers.pending = true
    }

    // MARK: - Reading the park

    /// How many parked keys may be read now; 0 when it is not the time.
    func dueRoom(now: Moment) -> Int {
        guard isRunning, totals.keys > parkedLines.count, now.unix >= nextDue, now.uptime >= notBefore else { return 0 }
        switch breaker.permission(at: now.uptime) {
        case .any:
            let bytes = limits.buffer / 4 - loadedBytes
            return bytes <= 0 ? 0 : max(0, min(2 * limits.concurrency - parkedLines.count, 1 + bytes / Self.loadBytes))
        // While everything is parked as it comes, there are always lines: one that is read here has its turn all the same.
        case .probe: return lines.isEmpty || (spools && readyParked.isEmpty && loadedBytes == 0) ? 1 : 0
        case .none: return 0
        }
    }

    /// Makes room for keys that are due; their events follow by ``loaded(_:_:since:now:)``.
    mutating func claim(_ keys: [ParkedKey]) -> [EventKey] {
        keys.filter { lines[$0.key] == nil }.map { found in
            var line = KeyLine(loading: found.schedule)
            // Events may have been parked that the reading does not see yet.
            line.appendedIn = pending.parked.isEmpty ? taken : building
            lines[found.key] = line
            parkedLines.insert(found.key)
            return found.key
        }
    }

    /// Takes over the parked events of a key.
    /// - Parameter since: the settlement last written when the reading began.
    mutating func loaded(_ key: EventKey, _ events: [ParkedEvent], since: Int, now: Moment) {
        guard var line = lines[key], line.phase == .loading else { return }
        unreadable[key] = nil
        let bytes = events.reduce(0) { $0 + $1.event.byteCount }
        loadedBytes += bytes - line.loadedBytes
        line.loadedBytes = bytes
        // Also when there are few: the next may have had no room.
        line.mayHaveMore = line.appendedIn > since || !events.isEmpty
        if events.isEmpty {
            lines[key] = line
            if !line.mayHaveMore {
                retire(key)
            } else if line.appendedIn <= written {
                toLoad.append(key)
            } else {
                wait(key, .draining(after: line.appendedIn), for: line.appendedIn)
            }
            return
        }
        var items = events.map { event in
            DeliveryItem(event: event.event, batch: nil, parked: event.id, redelivery: event.redelivery)
        }
        line.head = items.removeFirst()
        line.rest.append(contentsOf: items)
        line.phase = .ready
        lines[key] = line
        enqueue(key, isParked: true)
    }

    /// Forgets a key of which nothing is parked any more.
    mutating func retire(_ key: EventKey) {
        pending.keys.updateValue(nil, forKey: key)
        errandKeys.remove(key)
        totals.keys -= 1
        if totals.keys == 0 { totals.oldest = nil }
        leave(key, due: nil)
    }

    /// Gives up reading a line: the park could not be read. It comes again when it is due.
    mutating func unclaim(_ key: EventKey, now: Moment) {
        guard lines[key]?.phase == .loading else { return }
        loadedBytes -= lines[key]!.loadedBytes
        lines[key] = nil
        parkedLines.remove(key)
        if isLooking {
            retiredSinceLook.remove(key)
            leftSinceLook.insert(key)
        }
        nextDue = min(nextDue, now.unix + 1000)
    }

    /// Lets a line wait whose events cannot be read though the store answers: one that is damaged stays so until a
    /// person mends or removes it. Due later in the store as well, it is not the first to be read again and again.
    mutating func postpone(_ key: EventKey, now: Moment) {
        guard lines[key]?.phase == .loading else { return }
        let times = unreadable[key, default: 0] + 1
        unreadable[key] = times
        reschedule(key, due: now.unix + min(1000 << Int64(min(times - 1, 6)), Self.longestDeferral))
    }
}
