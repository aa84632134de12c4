import Logging

/// Carries out requests that deliver events outside of their order, a page at a time between the batches of the
/// stream, so that neither waits for the other.
///
/// What was stored is what counts: after any failure everything is forgotten and fetched again with its progress.
final class ErrandRunner {
    private let term: LeaseTerm
    private var waiting: [RelayRequest] = []
    private var progress = ErrandProgress()
    private var reader: ReplayReader?
    private var retryAt: ContinuousClock.Instant?
    private var backoff = Backoff(first: .milliseconds(500), most: .seconds(10))

    init(_ term: LeaseTerm) { self.term = term }

    /// Takes a request over.
    func take(_ request: RelayRequest) { waiting.append(request) }

    /// Forgets everything: it is fetched again.
    func putBack() {
        reader?.cancel()
        reader = nil
        for request in waiting { term.putBack(request) }
        waiting = []
    }

    /// Whether the next step would do something.
    var isIdle: Bool { waiting.isEmpty }

    /// One step: begins to read, or delivers what was read.
    /// - Returns: what was delivered; nil when it is not the time, or nothing is asked.
    func step(after state: StoredState) async throws -> Delivery? {
        guard let request = waiting.first else { return nil }
        if let retryAt, ContinuousClock.now < retryAt { return nil }
        switch request.kind {
        case .replay(let selection): return try await replay(selection, request, state)
        case .publish(let event): return try await publish(event, request, state)
        default:
            waiting.removeFirst()
            return nil
        }
    }

    private func replay(
        _ selection: ReplaySelection, _ request: RelayRequest, _ state: StoredState
    ) async throws -> Delivery? {
        if reader == nil {
            progress = request.progress.flatMap { ErrandProgress(text: $0) } ?? ErrandProgress()
            let pipeline = term.pipeline
            reader = ReplayReader(term.parts.source, selection) { pipeline.wakeWorker() }
            pipeline.logger.notice("replaying events that were asked for", metadata: ["request": "\(request.id)"])
        }
        guard let reader else { return nil }
        if progress.isComplete {
            try await finish(request, progress.answer)
            return nil
        }
        guard try await term.parts.destination.hasRoomForErrands(in: state) else { return nil }
        let page: ReplayPage
        do {
            guard let read = try reader.page(from: progress.cursor) else { return nil }
            page = read
            backoff.reset()
        } catch {
            let error = RelayError.wrapping(error)
            guard error.isRetriable else {
                try await finish(request, RequestAnswer(succeeded: false, message: error.message))
                return nil
            }
            term.pipeline.logger.warning(
                "replay postponed", metadata: ["error.message": "\(error.message)"])
            retryAt = .now + backoff.next()
            return nil
        }
        term.parts.prepare(page.batch)
        var next = progress
        next.cursor = page.next
        next.isComplete = page.next == nil
        next.filtered += page.batch.count(of: .filtered)
        next.note(missing: page.missing)
        let delivery = try await deliver(
            page.batch, Errand(request: request, redelivery: "replay", progress: next), state)
        if progress.isComplete {
            try await finish(request, progress.answer)
        } else {
            // The next one is read while others are delivered.
            _ = try? reader.page(from: progress.cursor)
        }
        return delivery
    }

    private func publish(
        _ event: PublishedEvent, _ request: RelayRequest, _ state: StoredState
    ) async throws -> Delivery? {
        progress = request.progress.flatMap { ErrandProgress(text: $0) } ?? ErrandProgress()
        var delivery: Delivery?
        if !progress.isComplete {
            guard try await term.parts.destination.hasRoomForErrands(in: state) else { return nil }
            let batch = event.batch
            // No claim check: it lies in no outbox.
            term.parts.filter.apply(to: batch)
            progress.isComplete = true
            progress.filtered = batch.count(of: .filtered)
            delivery = try await deliver(batch, Errand(request: request, redelivery: nil, progress: progress), state)
        }
        try await finish(
            request,
            RequestAnswer(
                succeeded: progress.unusable == 0,
                message: "\(progress.delivered) delivered, \(progress.filtered) left out", count: progress.delivered))
        return delivery
    }

    private func deliver(_ batch: EventBatch, _ errand: Errand, _ state: StoredState) async throws -> Delivery {
        let delivery = try await term.parts.destination.deliver(batch, for: errand, after: state, under: term.grant)
        progress = errand.progress(delivered: batch.count(of: .event), unusable: batch.count(of: .poison))
        return delivery
    }

    private func finish(_ request: RelayRequest, _ answer: RequestAnswer) async throws {
        try await term.parts.store.answer(request, answer)
        reader = nil
        waiting.removeFirst()
        // There may be a long row of them, of which few are fetched at once.
        if waiting.isEmpty { term.fetchSoon() }
    }
}
