import RelayCore

/// A relay that leads, and what should be stored by now.
package struct SettlementLeader: Sendable {
    package var store: any SettlementStore
    package var grant: LeaseGrant
    package var state: StoredState
    package var model = SettlementModel()

    /// Prepares `store`, gets the lease and takes over.
    package static func lead(_ store: any SettlementStore, ttl: Duration = .seconds(60)) async throws
        -> SettlementLeader
    {
        try await waiting(for: "the store to be prepared", within: .seconds(30)) {
            try await store.prepare()
            return true
        }
        let grant = try await StateStoreConformance.acquire(store, ttl: ttl, within: .seconds(30))
        let state = try await waiting(for: "the takeover", within: .seconds(30)) { try await store.takeOver(grant) }
        return SettlementLeader(store: store, grant: grant, state: state)
    }

    /// Writes `settlement`, to the store and to the model.
    package mutating func settle(_ settlement: Settlement) async throws {
        let next = try await store.settle(settlement, after: state, under: grant)
        model.apply(settlement)
        state = next
        try checkState(next)
    }

    /// Writes `settlement` and, where it is not known whether that happened, finds out.
    /// - Returns: whether it was written.
    @discardableResult
    package mutating func settleOrFindOut(_ settlement: Settlement) async throws -> Bool {
        do {
            try await settle(settlement)
            return true
        } catch let error as RelayError where error.isRetriable && error.code != .fenced {
            try await reload()
            if state.revision == model.stored.revision { return false }
            model.apply(settlement)
            try checkState(state)
            return true
        }
    }

    /// Reads the stored state until the store answers.
    package mutating func reload(within limit: Duration = .seconds(40)) async throws {
        let (store, grant) = (store, grant)
        state = try await waiting(for: "the stored state", within: limit) { try await store.load(grant) }
    }

    /// - Throws: ``TestingError`` unless `stored` is what the model has.
    package func checkState(_ stored: StoredState) throws {
        let expected = model.stored
        try expect(stored.revision == expected.revision, "revision \(stored.revision), not \(expected.revision)")
        try expect(stored.position == expected.position, "position \(stored.position), not \(expected.position)")
        try expect(stored.checkpoint == expected.checkpoint, "another checkpoint: \(stored.checkpoint?.token ?? "nil")")
        try expect(stored.paused == expected.paused, "paused: \(stored.paused ?? "nil")")
        try expect(
            stored.stoppedMilliseconds == expected.stoppedMilliseconds, "stopped: \(stored.stoppedMilliseconds)")
    }

    /// Asks the store everything there is to ask, and compares the answers with the model's.
    package func compare(excluding: [EventKey], at time: Int64 = .max, limit: Int = 1000) async throws {
        let keys = Array(Set(model.keys.keys).union(model.parked.values.map(\.key)))
        let unknown = SampleEvent("", key: "a key that nobody parks").eventKey
        let parked = try await store.parkedKeys(among: keys + [unknown])
        try expect(parked == model.parkedKeys(among: keys), "\(parked.count) of \(keys.count) keys are parked")
        let none = try await store.parkedKeys(among: [])
        try expect(none.isEmpty, "none of no keys are parked")

        let due = try await store.dueKeys(at: time, limit: limit, excluding: excluding)
        let expected = model.dueKeys(at: time, limit: limit, excluding: excluding)
        try expect(due.map(\.key) == expected.map(\.key), "\(due.count) keys are due, not these \(expected.count)")
        try expect(due.map(\.schedule) == expected.map(\.schedule), "a schedule is another")
        let next = try await store.nextDue()
        try expect(next == model.nextDue, "due next: \(next ?? -1), not \(model.nextDue ?? -1)")
        let totals = try await store.parkedTotals()
        try expect(totals == model.parkedTotals, "totals: \(totals), not \(model.parkedTotals)")

        for key in keys {
            let events = try await store.parkedEvents(of: key, limit: limit, bytes: 5000)
            let expected = model.parkedEvents(of: key, limit: limit, bytes: 5000)
            try expect(events.map(\.id) == expected.map(\.id), "events \(events.map(\.id)), not \(expected.map(\.id))")
            for (event, expected) in zip(events, expected) {
                try expect(event.event.isSame(as: expected.event), "the event at \(event.id.position) is another")
                try expect(event.key == expected.key && event.redelivery == expected.redelivery, "its key is another")
            }
        }
        let last = model.parked.keys.map(\.position).max() ?? 0
        for position: Int64 in [-1, 0, model.stored.position, last] {
            let beyond = try await store.settledBeyond(position)
            let expected = model.settledBeyond(position)
            try expect(beyond == expected, "behind \(position): \(beyond.count) settled, not \(expected.count)")
        }
        let ids = Array(model.letters.keys) + [model.lastLetter + 1]
        let letters = try await store.waitingDeadLetters(ids)
        let waiting = model.waitingDeadLetters(ids)
        try expect(letters.map(\.id) == waiting.map(\.id), "waiting: \(letters.map(\.id)), not \(waiting.map(\.id))")
        for (letter, expected) in zip(letters, waiting) {
            try expect(letter.document == expected.document, "the document of \(letter.id) is another")
            let isSame = expected.event.map { letter.event?.isSame(as: $0) ?? false } ?? (letter.event == nil)
            try expect(isSame, "the event of \(letter.id) is another")
        }
        let count = try await store.deadLetterCount()
        try expect(count == model.waiting, "\(count) dead letters wait, not \(model.waiting)")
    }
}
