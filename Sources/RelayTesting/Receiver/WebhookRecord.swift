import Synchronization

/// One event in one request, as a ``WebhookReceiver`` remembers it.
package struct WebhookDelivery: Sendable {
    package var id: String
    package var key: String?
    package var sequence: Int64?
    /// Which attempt of this event it was, from 1.
    package var attempt: Int
    /// The header `outbox-relay-redelivery`; nil for an event in its turn.
    package var redelivery: String?
    /// When the request had arrived.
    package var at: ContinuousClock.Instant
    /// The status that was answered; nil when there was no answer (yet).
    package var status: Int?
}

/// What a ``WebhookReceiver`` remembers: a few words for each event and each delivery, no bodies. A million of each
/// are about 250 MB; deliveries beyond the limit are counted, and no longer listed.
final class WebhookRecord: Sendable {
    /// What is known of one event.
    struct Entry {
        var id: String
        var key: String?
        var sequence: Int64?
        var attempts: Int32 = 0
        /// Acceptances, and those of them without a redelivery header.
        var accepted: Int32 = 0
        var acceptedInTurn: Int32 = 0
        /// Counts of the record when the event came first, and when it was first accepted in its turn; 0 before.
        var firstAttempt = 0
        var firstAccepted = 0
        /// When it was first accepted.
        var acceptedAt: ContinuousClock.Instant?
    }

    struct State {
        var entries: [Entry] = []
        var indices: [String: Int32] = [:]
        var deliveries: [Delivery] = []
        /// Grows with every arrival and every acceptance.
        var count = 0
        var attempts = 0
        var accepted = 0
        var requests = 0
        var inFlight = 0
        var mostInFlight = 0
        var answers: [Int: Int] = [:]
        var redeliveries: [String: Int] = [:]
        var flaws = Examples()
        var signatures = Examples()
        var sequenceChanges = Examples()
    }

    /// A delivery without what its event's entry knows.
    struct Delivery {
        var entry: Int32
        var attempt: Int32
        var status: Int16
        var redelivery: UInt8
        var at: ContinuousClock.Instant
    }

    /// What one request is in the record.
    struct Ticket: Sendable {
        fileprivate var entries: [Int32]
        fileprivate var firstDelivery: Int?
        fileprivate var isRedelivery: Bool
        /// Which attempt it is of the event in it that came most often.
        let attempt: Int
    }

    private let state = Mutex(State())
    private let limit: Int
    private static let redeliveries = ["", "retry", "replay", "delayed"]

    init(limit: Int) { self.limit = limit }

    /// Reads under the lock.
    func read<Answer: Sendable>(_ body: (borrowing State) -> Answer) -> Answer { state.withLock { body($0) } }

    /// Notes a request's arrival.
    func arrive(_ events: [ReceivedEvent], redelivery: String?, flaw: String?, at time: ContinuousClock.Instant)
        -> Ticket
    {
        state.withLock { state in
            state.requests += 1
            state.inFlight += 1
            state.mostInFlight = max(state.mostInFlight, state.inFlight)
            if let flaw { state.flaws.add(flaw) }
            if let redelivery { state.redeliveries[redelivery, default: 0] += 1 }
            let mark = Self.redeliveries.firstIndex(of: redelivery ?? "").map { UInt8($0) } ?? .max
            let isListed = state.deliveries.count < limit
            let first = isListed ? state.deliveries.count : nil
            var most = 0
            let entries = events.map { event in
                let entry = state.entry(for: event, isRedelivery: redelivery != nil)
                state.count += 1
                state.attempts += 1
                state.entries[Int(entry)].attempts += 1
                if state.entries[Int(entry)].firstAttempt == 0 { state.entries[Int(entry)].firstAttempt = state.count }
                let attempt = state.entries[Int(entry)].attempts
                most = max(most, Int(attempt))
                if isListed {
                    state.deliveries.append(
                        Delivery(entry: entry, attempt: attempt, status: 0, redelivery: mark, at: time))
                }
                return entry
            }
            return Ticket(entries: entries, firstDelivery: first, isRedelivery: redelivery != nil, attempt: most)
        }
    }

    /// Notes the answer to a request before it is sent, or with nil that there will be none.
    func answer(_ ticket: Ticket, _ status: Int?) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.inFlight -= 1
            state.answers[status ?? 0, default: 0] += 1
            guard let status else { return }
            for (offset, entry) in ticket.entries.enumerated() {
                if let first = ticket.firstDelivery { state.deliveries[first + offset].status = Int16(status) }
                guard (200...299).contains(status) else { continue }
                state.count += 1
                if state.entries[Int(entry)].accepted == 0 {
                    state.accepted += 1
                    state.entries[Int(entry)].acceptedAt = now
                }
                state.entries[Int(entry)].accepted += 1
                guard !ticket.isRedelivery else { continue }
                state.entries[Int(entry)].acceptedInTurn += 1
                if state.entries[Int(entry)].firstAccepted == 0 {
                    state.entries[Int(entry)].firstAccepted = state.count
                }
            }
        }
    }

    /// Notes a signature that is not what it should be.
    func rejectSignature(_ problem: String) { state.withLock { $0.signatures.add(problem) } }

    /// All deliveries that are listed, in the order of their arrival, of one event if it is named.
    func deliveries(of id: String? = nil) -> [WebhookDelivery] {
        state.withLock { state in
            let wanted = id.map { state.indices[$0] ?? -1 }
            return state.deliveries.lazy.filter { wanted == nil || $0.entry == wanted }.map { delivery in
                let entry = state.entries[Int(delivery.entry)]
                let mark = Int(delivery.redelivery)
                return WebhookDelivery(
                    id: entry.id, key: entry.key, sequence: entry.sequence, attempt: Int(delivery.attempt),
                    redelivery: mark == 0 ? nil : mark < Self.redeliveries.count ? Self.redeliveries[mark] : "other",
                    at: delivery.at, status: delivery.status == 0 ? nil : Int(delivery.status))
            }
        }
    }
}

extension WebhookRecord.State {
    fileprivate mutating func entry(for event: ReceivedEvent, isRedelivery: Bool) -> Int32 {
        guard let index = indices[event.id] else {
            let index = Int32(entries.count)
            indices[event.id] = index
            entries.append(WebhookRecord.Entry(id: event.id, key: event.key, sequence: event.sequence))
            return index
        }
        // What is replayed has no place in the stream any more.
        if entries[Int(index)].sequence != event.sequence, event.sequence != nil || !isRedelivery {
            sequenceChanges.add(
                "\(event.id) came with \(event.sequence.map { "\($0)" } ?? "none") after "
                    + (entries[Int(index)].sequence.map { "\($0)" } ?? "none"))
        }
        return index
    }
}

/// A count with its first few examples.
package struct Examples: Sendable, Equatable {
    package private(set) var count = 0
    package private(set) var first: [String] = []

    package init() {}

    package mutating func add(_ example: @autoclosure () -> String) {
        count += 1
        if first.count < 3 { first.append(example()) }
    }

    /// The count with the examples behind it.
    package func described(as kind: String) -> String {
        "\(count) \(kind): \(first.joined(separator: ", "))\(count > first.count ? ", …" : "")"
    }
}
