import Synchronization

@testable import RelayCore

/// One relay's connection to a ``ModelServer``: its destination and its store.
final class ModelClient: Destination, StateStore {
    let server: ModelServer
    let clock = StoreClock()
    private let grant = Mutex<LeaseGrant?>(nil)
    private let isBrokenOff = Mutex(false)

    init(_ server: ModelServer) { self.server = server }

    private static let gone = RelayError(.unavailable, "the server does not answer", isRetriable: true)

    // MARK: - Destination

    func deliver(_ batch: EventBatch, after state: StoredState, under grant: LeaseGrant) async throws -> Delivery {
        var write = ModelServer.Write(grant: grant, position: state.position, revision: state.revision)
        write.checkpoint = batch.end
        for record in batch.records {
            let name = batch.arena.string(record.id)
            switch record.outcome {
            case .event: write.events.append(name)
            case .poison: write.poison.append(name)
            case .filtered, .delayed: break
            }
        }
        let refused = server.state.withLock { $0.refusedEvents }
        if write.events.contains(where: refused.contains) { throw RelayError(.poison, "a value is refused") }
        try await carryOut(write)
        return Delivery(
            state: Self.state(state, after: write), delivered: write.events.count,
            filtered: batch.count(of: .filtered),
            deadLettered: write.poison.isEmpty ? [:] : [.missingField: write.poison.count])
    }

    private static func state(_ state: StoredState, after write: ModelServer.Write) -> StoredState {
        var next = state
        next.position += Int64(write.events.count)
        next.revision += 1
        next.checkpoint = write.checkpoint
        return next
    }

    private func carryOut(_ write: ModelServer.Write) async throws {
        isBrokenOff.withLock { $0 = false }
        await Task.yield()
        let server = server
        switch server.nextFault() {
        case nil: try server.commit(write)
        case .lostBefore: throw Self.gone
        case .lostAfter:
            try server.commit(write)
            throw Self.gone
        case .late(let delay):
            Task {
                try? await Task.sleep(for: delay)
                try? server.commit(write)
            }
            throw Self.gone
        case .hangs:
            // Bounded, as every call of a store is.
            _ = await eventually(within: .seconds(5)) { isBrokenOff.withLock { $0 } || Task.isCancelled }
            throw Self.gone
        case .refused: throw RelayError(.refused, "disk full", isRetriable: true)
        case .halting: throw RelayError(.configuration, "a person has to decide")
        case .robbed:
            server.rob()
            try server.commit(write)
        }
    }

    func cancelInFlight() {
        isBrokenOff.withLock { $0 = true }
        server.state.withLock { $0.interruptions += 1 }
    }

    func retry(
        _ letters: [Int64], for request: RelayRequest, after state: StoredState, under grant: LeaseGrant,
        decode: @Sendable ([UInt8]) async throws -> EventBatch
    ) async throws -> Delivery {
        try call(for: request)
        var state = state
        var delivered = 0
        for letter in letters {
            guard let name = server.now.letters[letter] else { continue }
            let batch = try await decode(Array(name.utf8))
            var write = ModelServer.Write(grant: grant, position: state.position, revision: state.revision)
            write.events = batch.ids
            write.checkpoint = state.checkpoint
            write.resolves = letter
            try await carryOut(write)
            state = Self.state(state, after: write)
            delivered += 1
        }
        try await answer(request, RequestAnswer(succeeded: true, message: "delivered again", count: delivered))
        return Delivery(state: state, delivered: delivered)
    }

    func discard(_ letters: [Int64], for request: RelayRequest, under grant: LeaseGrant) async throws -> Int {
        try call(for: request)
        let count = server.state.withLock { state in
            let found = letters.compactMap { state.letters.removeValue(forKey: $0) }
            state.discarded += found
            return found.count
        }
        try await answer(request, RequestAnswer(succeeded: true, message: "discarded", count: count))
        return count
    }

    private func call(for request: RelayRequest) throws {
        let fails = server.state.withLock { state in
            state.calls[request.id, default: 0] += 1
            guard state.requestFaults > 0 else { return false }
            state.requestFaults -= 1
            return true
        }
        if fails { throw Self.gone }
    }

    // MARK: - State store

    func prepare() async throws { if server.storeFails() { throw Self.gone } }

    func acquireLease(owner: String, ttl: Duration) async throws -> LeaseAnswer {
        if server.storeFails() { throw Self.gone }
        let answer = server.state.withLock { state -> LeaseAnswer in
            if let lease = state.lease, lease.owner != owner, state.leaseEnds > .now {
                return .held(by: lease.owner, expiresIn: ContinuousClock.now.duration(to: state.leaseEnds))
            }
            state.epoch += 1
            let grant = LeaseGrant(owner: owner, epoch: state.epoch)
            state.lease = grant
            state.leaseEnds = .now + ttl
            return .granted(grant)
        }
        if case .granted(let lease) = answer { grant.withLock { $0 = lease } }
        return answer
    }

    func takeOver(_ grant: LeaseGrant) async throws -> StoredState {
        if server.storeFails() { throw Self.gone }
        return try server.state.withLock { state in
            guard state.lease == grant else { throw RelayError(.fenced, "not the holder", isRetriable: true) }
            state.writer = grant
            return state.stored
        }
    }

    func load(_ grant: LeaseGrant) async throws -> StoredState { try await takeOver(grant) }

    func renewLease(_ grant: LeaseGrant, ttl: Duration) async throws -> Bool {
        if server.storeFails() { throw Self.gone }
        return server.state.withLock { state in
            guard state.lease == grant else { return false }
            state.leaseEnds = .now + ttl
            return true
        }
    }

    func releaseLease(_ grant: LeaseGrant) async throws {
        server.state.withLock { state in
            guard state.lease == grant else { return }
            state.lease = nil
            state.releases += 1
        }
    }

    func pendingRequests() async throws -> [RelayRequest] {
        guard let grant = grant.withLock({ $0 }) else { return [] }
        let taken = server.state.withLock { state in
            var taken: [RelayRequest] = []
            for index in state.requests.indices {
                switch state.requests[index].state {
                case .pending: break
                case .running(let epoch) where epoch <= grant.epoch: break
                default: continue
                }
                state.requests[index].state = .running(epoch: grant.epoch)
                taken.append(state.requests[index].request)
            }
            return taken
        }
        // The answer's way back: what it tells may be over by then.
        try await Task.sleep(for: .milliseconds(2))
        return taken
    }

    func answer(_ request: RelayRequest, _ answer: RequestAnswer) async throws {
        server.state.withLock { state in
            state.answers[request.id, default: []].append(answer)
            if let index = state.requests.firstIndex(where: { $0.request.id == request.id }) {
                state.requests[index].state = .answered
            }
        }
    }

    func setPaused(_ reason: String?, request: RelayRequest) async throws {
        try call(for: request)
        server.state.withLock { $0.stored.paused = reason }
        try await answer(request, RequestAnswer(succeeded: true, message: "done"))
    }

    func settled(among ids: [String]) async throws -> Set<String> {
        Set(server.now.queue + server.now.lettersEver).intersection(ids)
    }

    func deadLetterCount() async throws -> Int { server.now.letters.count }

    func maintain() async throws { if server.storeFails() { throw Self.gone } }

    /// Nothing to break off: the model's upkeep takes no time.
    func cancelUpkeep() {}
}
