import RelayCore

/// A request with what became of it.
struct MemoryRequest: Sendable {
    var request: RelayRequest
    /// In whose term it was begun; nil while it is pending.
    var epoch: Int64?
    var answers: [RequestAnswer] = []
}

extension InMemorySettlementStore {
    package func prepare() async throws { try await perform(.prepare) { _ in } }

    package func acquireLease(owner: String, ttl: Duration) async throws -> LeaseAnswer {
        try await perform(.acquireLease) { state in
            if let lease = state.lease, state.leaseEnds > .now, lease.owner != owner {
                return .held(by: lease.owner, expiresIn: ContinuousClock.now.duration(to: state.leaseEnds))
            }
            if state.lease?.owner != owner { state.epoch += 1 }
            let grant = LeaseGrant(owner: owner, epoch: state.epoch)
            state.lease = grant
            state.leaseEnds = .now + ttl
            return .granted(grant)
        }
    }

    package func takeOver(_ grant: LeaseGrant) async throws -> StoredState {
        try await perform(.takeOver) { try $0.takeOver(grant) }
    }

    package func load(_ grant: LeaseGrant) async throws -> StoredState {
        try await perform(.load) { try $0.takeOver(grant) }
    }

    package func renewLease(_ grant: LeaseGrant, ttl: Duration) async throws -> Bool {
        try await perform(.renewLease) { state in
            guard state.lease == grant, state.leaseEnds > .now else { return false }
            state.leaseEnds = .now + ttl
            return true
        }
    }

    package func releaseLease(_ grant: LeaseGrant) async throws {
        try await perform(.releaseLease) { state in
            if state.lease == grant { state.lease = nil }
        }
    }

    package func pendingRequests() async throws -> [RelayRequest] {
        try await perform(.pendingRequests) { state in
            guard let epoch = state.writer?.epoch else { return [] }
            return state.requests.indices.compactMap { index in
                guard state.requests[index].answers.isEmpty else { return nil }
                state.requests[index].epoch = epoch
                return state.requests[index].request
            }
        }
    }

    package func answer(_ request: RelayRequest, _ answer: RequestAnswer) async throws {
        try await perform(.answer) { $0.answer(request, answer) }
    }

    package func setPaused(_ reason: String?, request: RelayRequest) async throws {
        try await perform(.setPaused) { state in
            state.model.setPaused(reason)
            state.answer(
                request, RequestAnswer(succeeded: true, message: reason == nil ? "resumed" : "paused", count: 1))
        }
    }

    package func deadLetterCount() async throws -> Int {
        try await perform(.deadLetterCount) { $0.model.waiting }
    }

    package func maintain() async throws { try await perform(.maintain) { _ in } }

    package func cancelUpkeep() {}
}

extension InMemorySettlementStore.State {
    /// Counts a call; what befalls it, and how long it takes.
    mutating func begin(_ call: StoreCall) -> (fault: StoreFault?, latency: Duration) {
        calls[call, default: 0] += 1
        var delay = Duration.zero
        if let range = latency[call] {
            delay = range.lowerBound + (range.upperBound - range.lowerBound) * Double.random(in: 0...1, using: &random)
        }
        if script[call]?.isEmpty == false { return (script[call]?.removeFirst(), delay) }
        guard let rate = faultRate[call], Double.random(in: 0..<1, using: &random) < rate else { return (nil, delay) }
        let faults: [StoreFault] = [
            .lostBefore, .lostAfter, .refused, .late(.milliseconds(Int.random(in: 0...50, using: &random))),
        ]
        return (faults.randomElement(using: &random), delay)
    }

    mutating func rob(for duration: Duration) {
        epoch += 1
        let thief = LeaseGrant(owner: "thief", epoch: epoch)
        lease = thief
        leaseEnds = .now + duration
        writer = thief
        connection += 1
    }

    mutating func takeOver(_ grant: LeaseGrant) throws -> StoredState {
        guard lease == grant, (writer?.epoch ?? 0) <= grant.epoch else {
            throw RelayError(.fenced, "the lease is another relay's now", isRetriable: true)
        }
        writer = grant
        connection += 1
        return model.stored
    }

    mutating func settle(_ settlement: Settlement, after state: StoredState, under grant: LeaseGrant) throws
        -> StoredState
    {
        guard writer == grant else {
            throw RelayError(.fenced, "another relay writes this pipeline's state now", isRetriable: true)
        }
        guard model.stored.revision == state.revision else {
            throw RelayError(.refused, "the stored state moved since it was read: read it again", isRetriable: true)
        }
        model.apply(settlement)
        return model.stored
    }

    mutating func answer(_ request: RelayRequest, _ answer: RequestAnswer) {
        guard let index = requests.firstIndex(where: { $0.request.id == request.id }),
            requests[index].answers.isEmpty, requests[index].epoch == writer?.epoch
        else { return }
        requests[index].answers.append(answer)
    }
}
