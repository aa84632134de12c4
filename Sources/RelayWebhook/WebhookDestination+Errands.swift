import RelayCore

/// What is delivered outside of the stream's order is parked, each event by itself and due at once.
extension WebhookDestination {
    /// Events parked by requests at which the next waits.
    private static let parkedAtMost = 10_000

    public func deliver(
        _ batch: EventBatch, for errand: Errand, after stored: StoredState, under grant: LeaseGrant
    ) async throws -> Delivery {
        batch.trim()
        // Behind no checkpoint: they are never taken for events of the stream that are settled already.
        let position = -abs(errand.request.id)
        let errand = {
            var errand = errand
            errand.progress.unusable += batch.count(of: .poison)
            return errand
        }()
        let events = batch.records.indices.filter { batch.records[$0].outcome == .event }
            .map { EventReference(batch, index: $0, position: position) }
        let clock = store.clock
        let state = try await write(after: stored, under: grant) { machine in
            machine.park(events, for: errand, now: clock.moment)
        }
        return Delivery(state: state, delivered: 0)
    }

    public func hasRoomForErrands(in state: StoredState) async throws -> Bool { parkedByErrands < Self.parkedAtMost }
}
