import RelayCore
import Synchronization

/// A ``SettlementStore`` in memory, for tests of what is built on one: it behaves as a database does, and fails as one
/// does when it is told to.
///
///     let store = InMemorySettlementStore()
///     store.failNext(.lostAfter)                       // the next settle()
///     store.failNext(.slow(.seconds(1)), of: .dueKeys)
///     store.setFaultRate(0.05, of: [.settle], seed: 7)
///     store.setLatency(.milliseconds(1) ... .milliseconds(5))
///     #expect(store.contents.parked.isEmpty)
package final class InMemorySettlementStore: SettlementStore {
    struct State {
        var model = SettlementModel()
        var lease: LeaseGrant?
        var leaseEnds = ContinuousClock.now
        /// The only one who may write: the last that took over.
        var writer: LeaseGrant?
        var epoch: Int64 = 0
        var requests: [MemoryRequest] = []
        var script: [StoreCall: [StoreFault]] = [:]
        var faultRate: [StoreCall: Double] = [:]
        var latency: [StoreCall: ClosedRange<Duration>] = [:]
        var random = ConformanceRandom(seed: 0)
        var calls: [StoreCall: Int] = [:]
        var late: [Task<Void, Never>] = []
        /// Grows with each load: writes of before may not land any more, unless they outlive it.
        var connection = 0
    }

    let state = Mutex(State())
    package let clock = StoreClock()
    /// Whether a late write may still land after ``load(_:)``, as long as nothing was written since. PostgreSQL's may,
    /// MongoDB's may not: it belongs to another session.
    package let lateWritesOutliveLoads: Bool

    /// An empty store.
    package init(lateWritesOutliveLoads: Bool = false) { self.lateWritesOutliveLoads = lateWritesOutliveLoads }

    // MARK: - For tests

    /// What is stored now.
    package var contents: SettlementModel { state.withLock { $0.model } }
    /// How often each call was made.
    package var calls: [StoreCall: Int] { state.withLock { $0.calls } }

    /// Lets the next calls of `call` fail, one fault each, in this order and behind those that are waiting already.
    package func failNext(_ faults: StoreFault..., of call: StoreCall = .settle) {
        state.withLock { $0.script[call, default: []] += faults }
    }

    /// Lets so large a part of the calls fail, in ways that pass: lost before or after, late, refused.
    package func setFaultRate(_ rate: Double, of calls: [StoreCall], seed: UInt64) {
        state.withLock { state in
            for call in calls { state.faultRate[call] = rate }
            state.random = ConformanceRandom(seed: seed)
        }
    }

    /// How long calls take.
    package func setLatency(_ range: ClosedRange<Duration>, of calls: [StoreCall] = StoreCall.allCases) {
        state.withLock { state in for call in calls { state.latency[call] = range } }
    }

    /// Ends everything that was set to go wrong, and waits until no late write is under way.
    package func heal() async {
        let late = state.withLock { state in
            state.script = [:]
            state.faultRate = [:]
            state.latency = [:]
            defer { state.late = [] }
            return state.late
        }
        for task in late { await task.value }
    }

    /// Gives lease and checkpoint to somebody who does nothing with them and goes away after `duration`.
    package func rob(for duration: Duration = .milliseconds(50)) { state.withLock { $0.rob(for: duration) } }

    /// Changes what is stored, as a person may in the database.
    package func edit(_ body: (inout SettlementModel) -> Void) { state.withLock { body(&$0.model) } }

    /// Leaves a request, as a command does.
    @discardableResult
    package func leave(_ kind: RelayRequest.Kind) -> Int64 {
        state.withLock { state in
            let id = Int64(state.requests.count + 1)
            state.requests.append(MemoryRequest(request: RelayRequest(id: id, kind: kind)))
            return id
        }
    }

    /// The answers to a request; more than one is a fault.
    package func answers(to request: Int64) -> [RequestAnswer] {
        state.withLock { $0.requests.first { $0.request.id == request }?.answers ?? [] }
    }

    // MARK: - SettlementStore

    package func settle(_ settlement: Settlement, after state: StoredState, under grant: LeaseGrant) async throws
        -> StoredState
    {
        let connection = self.state.withLock { $0.connection }
        /// As a commit whose answer was not waited for: it happens if nobody wrote meanwhile.
        @Sendable func settleLate(_ stored: inout State) {
            guard lateWritesOutliveLoads || stored.connection == connection else { return }
            _ = try? stored.settle(settlement, after: state, under: grant)
        }
        return try await perform(.settle, late: settleLate) {
            try $0.settle(settlement, after: state, under: grant)
        }
    }

    package func parkedKeys(among keys: [EventKey]) async throws -> Set<EventKey> {
        try await perform(.parkedKeys) { $0.model.parkedKeys(among: keys) }
    }

    package func dueKeys(at time: Int64, limit: Int, excluding: [EventKey]) async throws -> [ParkedKey] {
        try await perform(.dueKeys) { $0.model.dueKeys(at: time, limit: limit, excluding: excluding) }
    }

    package func nextDue() async throws -> Int64? { try await perform(.nextDue) { $0.model.nextDue } }

    package func parkedEvents(of key: EventKey, limit: Int, bytes: Int) async throws -> [ParkedEvent] {
        try await perform(.parkedEvents) { state in
            state.model.parkedEvents(of: key, limit: limit, bytes: bytes).map {
                ParkedEvent($0.event.copied(), key: $0.key, redelivery: $0.redelivery)
            }
        }
    }

    package func parkedTotals() async throws -> ParkedTotals {
        try await perform(.parkedTotals) { $0.model.parkedTotals }
    }

    package func settled(among ids: [String]) async throws -> Set<String> {
        try await perform(.settledBeyond) { $0.model.settled(among: ids) }
    }

    package func settledBeyond(_ position: Int64) async throws -> Set<String> {
        try await perform(.settledBeyond) { $0.model.settledBeyond(position) }
    }

    package func waitingDeadLetters(_ ids: [Int64]) async throws -> [StoredDeadLetter] {
        try await perform(.waitingDeadLetters) { $0.model.waitingDeadLetters(ids) }
    }

    // MARK: - Calls that take time and fail

    /// Carries `body` out, unless this call is to fail. A cancelled caller does not hear what became of it.
    func perform<Answer: Sendable>(
        _ call: StoreCall, late: (@Sendable (inout State) -> Void)? = nil,
        _ body: @Sendable (inout State) throws -> Answer
    ) async throws -> Answer {
        let (fault, latency) = state.withLock { $0.begin(call) }
        try await wait(latency)
        switch fault {
        case nil: return try state.withLock { try body(&$0) }
        case .slow(let duration):
            try await wait(duration)
            return try state.withLock { try body(&$0) }
        case .lostBefore: throw Self.unavailable(call)
        case .lostAfter:
            _ = try state.withLock { try body(&$0) }
            throw Self.unavailable(call)
        case .late(let duration):
            if let late {
                let task = Task {
                    try? await Task.sleep(for: duration)
                    self.state.withLock { late(&$0) }
                }
                state.withLock { $0.late.append(task) }
            }
            throw Self.unavailable(call)
        case .refused:
            throw RelayError(.refused, "the model of a store cannot do \(call) now", isRetriable: true)
        case .halting: throw RelayError(.identity, "the model of a store wants a person to decide")
        case .robbed:
            rob()
            throw RelayError(.fenced, "the model of a store belongs to another relay now", isRetriable: true)
        }
    }

    private func wait(_ duration: Duration) async throws {
        guard duration > .zero else { return }
        do {
            try await Task.sleep(for: duration)
        } catch {
            throw RelayError(.unavailable, "the call was broken off", isRetriable: true)
        }
    }

    private static func unavailable(_ call: StoreCall) -> RelayError {
        RelayError(.unavailable, "the model of a store lost the answer to \(call)", isRetriable: true)
    }
}
