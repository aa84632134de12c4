import Logging
import RelayCore
import Synchronization

/// A webhook: every event is posted, in order by key, until it is taken or given up on.
///
/// At least once: what was delivered and not yet stored as such when a relay dies is delivered again, with the same
/// `webhook-id`.
public final class WebhookDestination: Destination {
    private let options: WebhookOptions
    let store: any SettlementStore
    private let sender: any EventSender
    private let status: PipelineStatus
    private let observer: DeliveryObserver
    private struct State {
        var pass: DeliveryPass?
        var breaker = CircuitBreaker()
        var bucket: TokenBucket?
        var notBefore: Int64 = .min
    }
    private let state: Mutex<State>

    /// A destination that keeps its state in `store` and reports to `status`.
    /// - Throws: ``RelayError`` when a value of `options` cannot be used.
    public convenience init(
        _ options: WebhookOptions, store: any SettlementStore, status: PipelineStatus, logger: Logger
    ) throws {
        let sender = HTTPSender(
            encoder: try MessageEncoder(options), transport: try WebhookTransport(options, logger: logger))
        self.init(options, store: store, sender: sender, status: status, logger: logger)
    }

    /// The same with another way to make attempts.
    package init(
        _ options: WebhookOptions, store: any SettlementStore, sender: any EventSender, status: PipelineStatus,
        logger: Logger
    ) {
        self.options = options
        self.store = store
        self.sender = sender
        self.status = status
        var logger = logger
        logger[metadataKey: "pipeline"] = "\(options.pipeline)"
        observer = DeliveryObserver(
            status: status, pipeline: options.pipeline, destination: options.destination, logger: logger)
        state = Mutex(State(bucket: options.rate.map { TokenBucket(rate: $0, now: Moment.now.uptime) }))
        status.update { $0.breaker = .closed }
    }

    public func begin(after stored: StoredState, under grant: LeaseGrant) async throws {
        await abandon()
        let totals = try await store.parkedTotals()
        let settled = try await store.settledBeyond(stored.position)
        let (breaker, bucket, notBefore) = state.withLock { ($0.breaker, $0.bucket, $0.notBefore) }
        let machine = DeliveryMachine(
            limits: options.limits, after: stored, totals: totals, alreadySettled: settled, breaker: breaker.resumed,
            bucket: bucket, notBefore: notBefore, now: store.clock.moment)
        let pass = DeliveryPass(
            machine, after: stored, store: store, sender: sender, grant: grant, observer: observer)
        state.withLock { $0.pass = pass }
        pass.start()
    }

    public func deliver(
        _ batch: EventBatch, after stored: StoredState, under grant: LeaseGrant
    ) async throws -> Delivery {
        guard let pass = state.withLock({ $0.pass }) else { return Delivery(state: stored, delivered: 0) }
        try await pass.admit(batch)
        return Delivery(state: try pass.current(), delivered: 0, filtered: batch.count(of: .filtered))
    }

    public func awaitRoom() async throws -> Bool {
        guard let pass = state.withLock({ $0.pass }) else { return true }
        return try await pass.awaitRoom()
    }

    public func current(_ stored: StoredState) throws -> StoredState {
        try state.withLock { $0.pass }?.current() ?? stored
    }

    public func settle(_ stored: StoredState) async throws -> StoredState {
        guard let pass = state.withLock({ $0.pass }) else { return stored }
        var settled = try await pass.settle(within: options.settleTime)
        await abandon()
        // What a person asked for in between is known to the caller.
        if settled.paused == nil { settled.paused = stored.paused }
        return settled
    }

    public func abandon() async {
        guard let old = state.withLock({ $0.pass.take() }) else { return }
        let (breaker, bucket, notBefore) = await old.end()
        state.withLock { ($0.breaker, $0.bucket, $0.notBefore) = (breaker, bucket, notBefore) }
    }

    /// How many events requests have parked that are still there, as far as this relay knows.
    var parkedByErrands: Int { state.withLock { $0.pass }?.parkedByErrands ?? 0 }

    public var hasUnsettled: Bool { state.withLock { $0.pass }?.hasUnsettled ?? false }

    public func cancelInFlight() { state.withLock { $0.pass }?.cancel() }

    public func retry(
        _ letters: [Int64], for request: RelayRequest, after stored: StoredState, under grant: LeaseGrant,
        decode: @Sendable ([UInt8]) async throws -> EventBatch
    ) async throws -> Delivery {
        var state = stored
        var count = 0
        var failures: [String] = []
        // In parts: letters are held whole, and each part is one transaction.
        for part in letters.parts(of: Self.lettersAtOnce) {
            let (found, unreadable) = try await waiting(part)
            failures += missing(part, found.map(\.id) + unreadable.map(\.id))
            failures += unreadable.map { "\($0.id): it cannot be read: \($0.error)" }
            let events = await redeliverable(found, &failures, decode)
            if events.isEmpty { continue }
            count += events.count
            let clock = store.clock
            state = try await write(after: state, under: grant) { machine in
                machine.redeliver(events, redelivery: "retry", now: clock.moment)
            }
        }
        try await answer(request, count, "being delivered again", failures)
        return Delivery(state: state, delivered: 0)
    }

    /// The events of dead letters: made anew of a document where that is kept, so that a corrected mapping counts.
    private func redeliverable(
        _ letters: [StoredDeadLetter], _ failures: inout [String],
        _ decode: @Sendable ([UInt8]) async throws -> EventBatch
    ) async -> [(id: Int64, event: EventReference)] {
        var events: [(id: Int64, event: EventReference)] = []
        for letter in letters {
            if let document = letter.document {
                let batch: EventBatch
                do {
                    batch = try await decode(document)
                } catch {
                    failures.append("\(letter.id): its document cannot be read: \(error)")
                    continue
                }
                if batch.records.first?.outcome == .event {
                    events.append((letter.id, EventReference(batch, index: 0, position: letter.event?.position ?? 0)))
                } else {
                    failures.append("\(letter.id): \(batch.poison.last?.message ?? "no event")")
                }
            } else if let event = letter.event {
                events.append((letter.id, event))
            } else {
                failures.append("\(letter.id): the event is not there any more")
            }
        }
        return events
    }

    /// Those of `ids` that wait, and those that cannot be read though the store answers: a damaged one must not keep the
    /// request, and every request behind it, from being carried out.
    private func waiting(
        _ ids: [Int64]
    ) async throws -> (found: [StoredDeadLetter], unreadable: [(id: Int64, error: RelayError)]) {
        do {
            return (try await store.waitingDeadLetters(ids), [])
        } catch let error as RelayError where error.concernsOneDocument {
            guard ids.count > 1 else { return ([], ids.map { ($0, error) }) }
            var found: [StoredDeadLetter] = []
            var unreadable: [(id: Int64, error: RelayError)] = []
            for id in ids {
                let (one, none) = try await waiting([id])
                found += one
                unreadable += none
            }
            return (found, unreadable)
        }
    }

    /// Dead letters that are looked up, and changed, at once.
    private static let lettersAtOnce = 100

    public func discard(
        _ letters: [Int64], for request: RelayRequest, under grant: LeaseGrant
    ) async throws -> Int {
        var stored: StoredState
        if let pass = state.withLock({ $0.pass }) {
            stored = try pass.current()
        } else {
            stored = try await store.load(grant)
        }
        var count = 0
        var failures: [String] = []
        for part in letters.parts(of: Self.lettersAtOnce) {
            let (readable, unreadable) = try await waiting(part)
            // What cannot be read any more can be given up all the same.
            let found = readable.map(\.id) + unreadable.map(\.id)
            failures += missing(part, found)
            if found.isEmpty { continue }
            count += found.count
            stored = try await write(after: stored, under: grant) { machine in
                for id in found { machine.pending.resolved[id] = .discarded }
            }
        }
        try await answer(request, count, "discarded", failures)
        return count
    }

    /// Writes with what the pass writes, or, while there is none, by itself.
    func write(
        after stored: StoredState, under grant: LeaseGrant, _ change: @Sendable (inout DeliveryMachine) -> Void
    ) async throws -> StoredState {
        if let pass = state.withLock({ $0.pass }) {
            try pass.change { change(&$0) }
            try await pass.awaitWrite()
            return try pass.current()
        }
        var machine = DeliveryMachine(
            limits: options.limits, after: stored, totals: ParkedTotals(), alreadySettled: [],
            now: store.clock.moment)
        change(&machine)
        if machine.pending.isEmpty { return stored }
        return try await store.settle(machine.pending, after: stored, under: grant)
    }

    private func missing(_ asked: [Int64], _ found: [Int64]) -> [String] {
        let found = Set(found)
        return asked.filter { !found.contains($0) }.map { "\($0): there is no such dead letter waiting" }
    }

    private func answer(
        _ request: RelayRequest, _ count: Int, _ what: String, _ failures: [String]
    ) async throws {
        let message = (["\(count) \(what)"] + failures).joined(separator: "; ")
        try await store.answer(
            request, RequestAnswer(succeeded: failures.isEmpty, message: message, count: count))
    }
}

extension WebhookOptions {
    /// What delivery has to keep to.
    var limits: DeliveryMachine.Limits {
        let eventsPerRequest = format == .cloudeventsBatch ? 100 : 1
        return DeliveryMachine.Limits(
            concurrency: concurrency, eventsPerRequest: eventsPerRequest, buffer: buffer,
            // Enough that workers never wait, and no more: a crash may repeat what was delivered out of so many.
            events: max(2048, 4 * concurrency * eventsPerRequest), ordersByKey: ordersByKey,
            spool: spoolBytes.map { Int64($0) },
            retry: RetryPolicy(
                first: retryFirst.milliseconds, most: retryMax.milliseconds, limit: retryFor.milliseconds))
    }
}

extension Array {
    /// Consecutive parts of at most `count` elements.
    fileprivate func parts(of count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map { Array(self[$0..<Swift.min($0 + count, self.count)]) }
    }
}
