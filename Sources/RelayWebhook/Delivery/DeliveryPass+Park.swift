import RelayCore

/// Reading the park.
extension DeliveryPass {
    /// Reads what the machine asks for, and what is due, until the pass ends.
    func readPark() async {
        var backoff = Backoff(first: .milliseconds(100), most: .seconds(5))
        var counted = ContinuousClock.now
        while !Task.isCancelled {
            await toRead.wait()
            do {
                try await readOnce()
                if counted.duration(to: .now) >= .seconds(10) {
                    counted = .now
                    let oldest = try await store.parkedTotals().oldest
                    state.withLock { if $0.machine.totals.keys > 0 { $0.machine.totals.oldest = oldest } }
                }
                backoff.reset()
            } catch {
                let error = RelayError.wrapping(error)
                if error.code == .fenced || !error.isRetriable { return fail(error) }
                observer.postponed(error)
                try? await Task.sleep(for: backoff.next())
            }
        }
    }

    private func readOnce() async throws {
        let again = state.withLock { state in
            defer { state.machine.toLoad = [] }
            return state.machine.toLoad
        }
        try await load(again)
        let (room, active) = state.withLock { state in
            let room = state.machine.dueRoom(now: store.clock.moment)
            if room > 0 { state.machine.nextDue = .max }
            return (room, Array(state.machine.parkedLines))
        }
        guard room > 0 else { return }
        do {
            let due = try await store.dueKeys(at: store.clock.now, limit: room, excluding: active)
            let claimed = state.withLock { $0.machine.claim(due) }
            try await load(claimed)
            var next: Int64 = 0
            if due.count < room {
                let known = state.withLock { Array($0.machine.parkedLines) }
                next = try await store.dueKeys(at: .max, limit: 1, excluding: known).first?.schedule.due ?? .max
            }
            state.withLock { $0.machine.nextDue = min($0.machine.nextDue, next) }
        } catch {
            state.withLock { $0.machine.nextDue = store.clock.now + 500 }
            throw error
        }
    }

    /// Reads the events of keys, each by itself: one that cannot be read waits, and the others go on.
    /// - Throws: what keeps the store from answering at all.
    private func load(_ keys: [EventKey]) async throws {
        var left = keys[...]
        do {
            while let key = left.first {
                let since = state.withLock { $0.machine.written }
                do {
                    let events = try await store.wholeEvents(of: key)
                    state.withLock { $0.machine.loaded(key, events, since: since, now: store.clock.moment) }
                } catch {
                    let error = RelayError.wrapping(error)
                    guard error.concernsOneDocument else { throw error }
                    observer.unreadable(error)
                    state.withLock { $0.machine.postpone(key, now: store.clock.moment) }
                }
                left.removeFirst()
                dispatch()
            }
        } catch {
            state.withLock { state in for key in left { state.machine.unclaim(key, now: store.clock.moment) } }
            throw error
        }
    }
}
