import RelayCore

/// What a ``SettlementStore`` holds for one pipeline, as a value: what every store's behaviour is compared with.
package struct SettlementModel: Sendable {
    /// A dead letter as stored.
    package struct Letter: Sendable {
        package var id: Int64
        package var letter: NewDeadLetter
        package var state: DeadLetterState
    }

    /// The stored state.
    package var stored = StoredState(stream: 0, position: 0, revision: 0, checkpoint: nil, paused: nil)
    /// Parked events by identity.
    package var parked: [ParkedEvent.ID: ParkedEvent] = [:]
    /// Bytes of parked events, as they were told.
    package var parkedBytes: Int64 = 0
    /// Parked keys' schedules.
    package var keys: [EventKey: ParkedSchedule] = [:]
    /// Dead letters by id, which begins at 1.
    package var letters: [Int64: Letter] = [:]
    /// The id of the newest dead letter.
    package var lastLetter: Int64 = 0
    /// How far requests are.
    package var progress: [Int64: String] = [:]
    /// Since when it is paused.
    private var pausedAt: ContinuousClock.Instant?

    package init() {}

    /// Writes all of `settlement`. Events are copied: what is stored holds no batch of the caller's.
    package mutating func apply(_ settlement: Settlement) {
        for event in settlement.parked where parked[event.id] == nil {
            parked[event.id] = ParkedEvent(event.event.copied(), key: event.key, redelivery: event.redelivery)
        }
        for id in settlement.unparked { parked[id] = nil }
        parkedBytes += settlement.parkedBytes
        for (key, schedule) in settlement.keys { keys[key] = schedule }
        for letter in settlement.deadLetters {
            lastLetter += 1
            var letter = letter
            letter.event = letter.event.copied()
            letters[lastLetter] = Letter(id: lastLetter, letter: letter, state: .dead)
        }
        for (id, state) in settlement.resolved where letters[id]?.state == .dead { letters[id]?.state = state }
        progress.merge(settlement.progress) { $1 }
        if let checkpoint = settlement.checkpoint {
            stored.checkpoint = checkpoint.end
            stored.position = checkpoint.position
        }
        if let pause = settlement.pause {
            stored.paused = pause
            pausedAt = .now
        }
        if let stopped = settlement.stoppedMilliseconds { stored.stoppedMilliseconds = stopped }
        stored.revision += 1
    }

    /// A person pauses it, or resumes it: the time that it was paused counts as stopped.
    package mutating func setPaused(_ reason: String?) {
        if reason == nil, let since = pausedAt {
            stored.stoppedMilliseconds += Int64(since.duration(to: .now) / .milliseconds(1))
        }
        pausedAt = reason == nil ? nil : pausedAt ?? .now
        stored.paused = reason
    }

    /// The number of dead letters that wait.
    package var waiting: Int { letters.values.count { $0.state == .dead } }

    /// See ``SettlementStore/parkedKeys(among:)``.
    package func parkedKeys(among keys: [EventKey]) -> Set<EventKey> { Set(keys.filter { self.keys[$0] != nil }) }

    /// See ``SettlementStore/dueKeys(at:limit:excluding:)``. Keys that are due at the same time come in the order of
    /// their bytes.
    package func dueKeys(at time: Int64, limit: Int, excluding: [EventKey]) -> [ParkedKey] {
        let excluded = Set(excluding)
        let due = keys.filter { $0.value.due <= time && !excluded.contains($0.key) }
        let ordered = due.sorted {
            ($0.value.due, $0.key.high, $0.key.low) < ($1.value.due, $1.key.high, $1.key.low)
        }
        return ordered.prefix(limit).map { ParkedKey(key: $0.key, schedule: $0.value) }
    }

    /// See ``SettlementStore/nextDue()``.
    package var nextDue: Int64? { keys.values.map(\.due).min() }

    /// See ``SettlementStore/parkedEvents(of:limit:bytes:)``.
    package func parkedEvents(of key: EventKey, limit: Int, bytes: Int) -> [ParkedEvent] {
        // At one position the order is any, but always the same.
        let events = parked.values.filter { $0.key == key }.sorted {
            ($0.id.position, Int64(bitPattern: $0.id.hash)) < ($1.id.position, Int64(bitPattern: $1.id.hash))
        }
        var total = 0
        var found: [ParkedEvent] = []
        for event in events.prefix(limit) {
            total += event.event.byteCount
            if total > bytes, !found.isEmpty { break }
            found.append(event)
        }
        return found
    }

    /// See ``SettlementStore/parkedTotals()``.
    package var parkedTotals: ParkedTotals {
        ParkedTotals(
            keys: keys.count, events: parked.count, bytes: max(0, parkedBytes), oldest: keys.values.map(\.since).min())
    }

    /// See ``StateStore/settled(among:)``.
    package func settled(among ids: [String]) -> Set<String> {
        let known = parked.values.map(\.event) + letters.values.map(\.letter.event)
        return Set(known.compactMap { $0.text(\.id) }).intersection(ids)
    }

    /// See ``SettlementStore/settledBeyond(_:)``.
    package func settledBeyond(_ position: Int64) -> Set<String> {
        let waiting = parked.values.map(\.event) + letters.values.map(\.letter.event)
        return Set(waiting.filter { $0.position > position }.compactMap { $0.text(\.id) })
    }

    /// See ``SettlementStore/waitingDeadLetters(_:)``; in the order of their ids.
    package func waitingDeadLetters(_ ids: [Int64]) -> [StoredDeadLetter] {
        Set(ids).sorted().compactMap { id in
            guard let found = letters[id], found.state == .dead else { return nil }
            let event = found.letter.event
            if let document = event.bytes(\.document) {
                return StoredDeadLetter(id: id, document: Array(document), event: nil)
            }
            return StoredDeadLetter(id: id, document: nil, event: event.isWhole ? event.copied() : nil)
        }
    }
}
