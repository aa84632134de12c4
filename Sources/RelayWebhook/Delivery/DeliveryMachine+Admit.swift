import RelayCore

extension DeliveryMachine {
    /// The keys of a batch that have to be looked up in the park before ``admit(_:parked:now:)``.
    ///
    /// Until then, keys that enter or leave the park are noted, since the look may miss them.
    mutating func beginLook(_ batch: EventBatch) -> [EventKey] {
        isLooking = true
        leftSinceLook = []
        retiredSinceLook = []
        guard totals.keys > 0, limits.ordersByKey else { return [] }
        var keys: Set<EventKey> = []
        for record in batch.records where record.outcome == .event {
            let key = EventKey(of: batch.arena[record.key])
            if lines[key] == nil { keys.insert(key) }
        }
        return Array(keys)
    }

    /// Takes over a batch.
    /// - Parameter parked: those of its keys that were found in the park.
    mutating func admit(_ batch: EventBatch, parked: Set<EventKey>, now: Moment) {
        isLooking = false
        var count = 0
        for record in batch.records where record.outcome != .filtered { count += 1 }
        if position > lastSettledBefore { alreadySettled = [] }
        let events = batch.count(of: .event) + batch.count(of: .delayed)
        let number = prefix.admit(
            unsettled: count, end: batch.end, position: position + Int64(events),
            bytes: batch.heldBytes + count * (MemoryLayout<KeyLine>.stride + 64))
        for index in batch.records.indices {
            switch batch.records[index].outcome {
            case .filtered: continue
            case .poison: rejectPoison(batch, index, number)
            case .event:
                position += 1
                let event = EventReference(batch, index: index, position: position)
                if wasSettledBefore(event) { prefix.settle(number) } else { take(event, number, parked, now) }
            case .delayed:
                position += 1
                let event = EventReference(batch, index: index, position: position)
                if wasSettledBefore(event) { prefix.settle(number) } else { delay(event, number, now) }
            }
        }
    }

    private mutating func wasSettledBefore(_ event: EventReference) -> Bool {
        guard !alreadySettled.isEmpty, let id = event.text(\.id) else { return false }
        return alreadySettled.remove(id) != nil
    }

    private mutating func take(_ event: EventReference, _ number: Int, _ parked: Set<EventKey>, _ now: Moment) {
        let record = event.record
        let arena = event.batch.arena
        let key =
            limits.ordersByKey
            ? EventKey(of: arena[record.key]) : EventKey(apart: "event", arena[record.id], event.position)
        let item = DeliveryItem(event: event, batch: number)
        if lines[key] != nil {
            if lines[key]!.isParked {
                append(item, to: key, now)
            } else {
                lines[key]!.rest.append(item)
            }
        } else if leftSinceLook.contains(key) || (parked.contains(key) && !retiredSinceLook.contains(key)) {
            park(item, key)
        } else {
            lines[key] = KeyLine(item)
            readyFresh.append(key)
        }
    }

    /// Parks an event behind those of its key, of which some are in memory.
    private mutating func append(_ item: DeliveryItem, to key: EventKey, _ now: Moment) {
        park(item, key)
        lines[key]!.mayHaveMore = true
        lines[key]!.appendedIn = building
        // The key was about to be forgotten.
        if case .leaving(_, nil) = lines[key]!.phase {
            lines[key]!.parkedSince = now.unix
            pending.keys[key] = .some(
                ParkedSchedule(
                    due: now.unix, attempts: 0, firstAttempt: nil, stoppedBefore: 0, since: now.unix))
            totals.keys += 1
            wait(key, .draining(after: building), for: building)
        }
    }

    private mutating func rejectPoison(_ batch: EventBatch, _ index: Int, _ number: Int) {
        // It is no event and takes no position.
        let event = EventReference(batch, index: index, position: position)
        let record = event.record
        if wasSettledBefore(event) {
            prefix.settle(number)
            return
        }
        pending.deadLetters.append(NewDeadLetter(event, batch.poison[Int(record.note)]))
        settledWithPending[number, default: 0] += 1
    }
}
