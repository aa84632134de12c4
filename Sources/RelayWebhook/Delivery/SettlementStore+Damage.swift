import RelayCore

extension SettlementStore {
    /// The first parked events of a key, as far as they are whole.
    /// - Throws: ``RelayError``, also when the first of them is damaged.
    func wholeEvents(of key: EventKey) async throws -> [ParkedEvent] {
        let events = try await parkedEvents(
            of: key, limit: DeliveryMachine.loadEvents, bytes: DeliveryMachine.loadBytes)
        let whole = events.prefix { $0.event.isWhole }
        guard whole.isEmpty, let first = events.first else { return Array(whole) }
        throw RelayError(
            .refused,
            "the parked event at position \(first.event.position) lacks a field that every event has, as after a change "
                + "by hand: mend its document in outbox_relay_parked, or remove it. The events of its key wait behind it",
            isRetriable: true)
    }
}

extension RelayError {
    /// Whether the store answers, but not with this: what else is asked for may well be read.
    var concernsOneDocument: Bool {
        isRetriable && ![.fenced, .unavailable, .unauthorized, .unsupported].contains(code)
    }
}
