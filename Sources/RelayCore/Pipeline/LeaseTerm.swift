import Logging
import Synchronization

/// One term of a pipeline as leader: from the granted lease until it is given back or lost.
///
/// Four tasks run side by side: the keeper renews the lease and fetches requests, the guard breaks everything
/// off when the lease has expired by our own clock, the housekeeper keeps the store in order, the worker reads
/// and delivers.
final class LeaseTerm: Sendable {
    let pipeline: Pipeline
    let grant: LeaseGrant
    private let clock: Mutex<LeaseClock>
    private let requests = Mutex<[RelayRequest]>([])
    private let taken = Mutex<Set<Int64>>([])
    private let isFetching = Mutex(false)

    var parts: Pipeline.Parts { pipeline.parts }

    init(pipeline: Pipeline, lease: (grant: LeaseGrant, clock: LeaseClock)) {
        self.pipeline = pipeline
        grant = lease.grant
        clock = Mutex(lease.clock)
    }

    /// Leads until stopped. Throws what ended the term otherwise.
    func run() async throws {
        pipeline.status.update {
            $0.role = .leader
            $0.epoch = self.grant.epoch
        }
        pipeline.logger.info("took the lease", metadata: ["lease.epoch": "\(grant.epoch)"])
        defer { pipeline.status.update { $0.resign() } }
        // Not waited for: what it writes to other servers is harmless after the term, and they may not answer.
        let compensation = parts.compensator.map { compensator in
            Task { [logger = pipeline.logger] in try await compensator.run(logger) }
        }
        defer { compensation?.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.keepLease() }
            group.addTask { try await self.guardLease() }
            group.addTask { try await self.keepHouse() }
            group.addTask { try await PipelineWorker(term: self).run() }
            defer {
                group.cancelAll()
                parts.store.cancelUpkeep()
            }
            do {
                try await group.next()
            } catch {
                parts.destination.cancelInFlight()
                throw error
            }
        }
        do {
            try await parts.store.releaseLease(grant)
            pipeline.logger.info("gave the lease back", metadata: ["lease.epoch": "\(grant.epoch)"])
        } catch {
            pipeline.logger.warning(
                "could not give the lease back; it expires by itself",
                metadata: ["error.message": "\(RelayError.wrapping(error).message)"])
        }
    }

    /// The requests fetched since the last call.
    func takeRequests() -> [RelayRequest] {
        requests.withLock { list in
            defer { list = [] }
            return list
        }
    }

    /// Says that a request was not carried out, so that it is fetched again.
    func putBack(_ request: RelayRequest) {
        _ = taken.withLock { $0.remove(request.id) }
    }

    private func keepLease() async throws {
        let interval = min(clock.withLock { $0.renewalInterval }, .seconds(1))
        var backoff = Backoff(first: interval / 4, most: interval)
        while true {
            try await Task.sleep(for: interval)
            let sentAt = ContinuousClock.now
            do {
                guard try await parts.store.renewLease(grant, ttl: parts.leaseTTL) else {
                    throw RelayError(
                        .fenced, "the lease of pipeline \(parts.name) was taken over by another relay",
                        isRetriable: true)
                }
                clock.withLock { $0.renewed(sentAt: sentAt) }
                backoff.reset()
                try await fetchRequests()
                // Once a second at most, so that a worker without events still shows progress.
                pipeline.wakeWorker()
            } catch let error as RelayError where error.isRetriable && error.code != .fenced {
                pipeline.wakeWorker()
                pipeline.logger.debug("lease renewal failed", metadata: ["error.message": "\(error.message)"])
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    /// What may take long and must hold up neither lease nor delivery.
    private func keepHouse() async throws {
        while true {
            do {
                try await parts.store.maintain()
                try await countDeadLetters()
            } catch let error as RelayError {
                pipeline.logger.warning("upkeep postponed", metadata: ["error.message": "\(error.message)"])
            }
            try await Task.sleep(for: .seconds(60))
        }
    }

    /// Counts dead letters again, without making anybody wait.
    func recountDeadLetters() { Task { try? await countDeadLetters() } }

    /// Brings the number of dead letters that wait up to date.
    private func countDeadLetters() async throws {
        let waiting = try await parts.store.deadLetterCount()
        pipeline.status.update { $0.deadLetters = waiting }
    }

    /// Fetches requests now, and wakes the worker for them: while there is a row of them, it need not wait for the next
    /// renewal of the lease.
    func fetchSoon() {
        Task {
            try? await fetchRequests()
            pipeline.wakeWorker()
        }
    }

    private func fetchRequests() async throws {
        // One at a time: an older answer behind a newer one would bring back what was carried out in between.
        guard
            isFetching.withLock({ isFetching in
                defer { isFetching = true }
                return !isFetching
            })
        else { return }
        defer { isFetching.withLock { $0 = false } }
        let found = try await parts.store.pendingRequests()
        let new = taken.withLock { taken in
            let new = found.filter { !taken.contains($0.id) }
            // What is answered is remembered until a fetch no longer brings it: one may be under way just now.
            taken = Set(found.map(\.id))
            return new
        }
        guard !new.isEmpty else { return }
        requests.withLock { $0 += new }
    }

    private func guardLease() async throws {
        while true {
            let expiresAt = clock.withLock { $0.expiresAt }
            try await Task.sleep(until: expiresAt)
            if clock.withLock({ $0.hasExpired(at: .now) }) {
                throw RelayError(
                    .unavailable,
                    "the lease of pipeline \(parts.name) could not be renewed in time: its store does not answer. "
                        + "Delivery goes on when the store answers again",
                    isRetriable: true)
            }
        }
    }
}
