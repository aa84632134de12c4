import RelayCore

/// What goes wrong with one call of an ``InMemorySettlementStore``.
package enum StoreFault: Sendable, Equatable {
    /// The store never saw the call: a retriable error.
    case lostBefore
    /// The call was carried out, and its answer got lost: a retriable error.
    case lostAfter
    /// A settlement whose answer got lost at once, and which happens, or is refused, this much later. Any other call
    /// fails as with ``lostBefore``.
    case late(Duration)
    /// The answer takes so much longer.
    case slow(Duration)
    /// The store says that it cannot do that now: a retriable error, and nothing was written.
    case refused
    /// The store throws what a person has to decide.
    case halting
    /// Another relay takes lease and checkpoint first: nothing was written.
    case robbed
}

/// A call of an ``InMemorySettlementStore``, for its faults and delays.
package enum StoreCall: Sendable, Hashable, CaseIterable {
    case prepare, acquireLease, takeOver, renewLease, releaseLease, load, pendingRequests, answer, setPaused
    case deadLetterCount, maintain, settle, parkedKeys, dueKeys, nextDue, parkedEvents, parkedTotals, settledBeyond
    case waitingDeadLetters

    /// The calls that only read what is parked or given up on.
    package static let reads: [StoreCall] = [
        .parkedKeys, .dueKeys, .nextDue, .parkedEvents, .parkedTotals, .settledBeyond, .waitingDeadLetters,
    ]
}
