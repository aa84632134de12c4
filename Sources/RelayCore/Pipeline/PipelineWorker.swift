import Logging

/// Reads and delivers during one term, in passes: each pass opens the source behind the stored checkpoint and
/// ends when something fails. Only this task knows the stored state, so it needs no lock.
final class PipelineWorker {
    private let term: LeaseTerm
    private let parts: Pipeline.Parts
    private let status: PipelineStatus
    private let metrics: RelayMetrics
    /// The state as last stored; whoever cleans the source hears of every change.
    private var state: StoredState { didSet { parts.registration?.note(state) } }
    /// Whether this term has told where it begins.
    private var isRegistered = false
    /// A position behind which everything is settled that is not worth a transaction yet.
    private var unsaved: EventBatch?
    private var lastSave = ContinuousClock.now
    /// What requests ask to be delivered outside of the stream's order.
    private let errands: ErrandRunner
    /// When the stored state was read while paused.
    private var lastLook = ContinuousClock.now
    /// One event a batch, after a batch was refused that holds a poison event: what is before it is delivered.
    private var deliversSingly = false

    /// How often an idle pipeline's position is saved.
    static let idleSaveInterval = Duration.seconds(10)

    init(term: LeaseTerm) {
        self.term = term
        parts = term.parts
        errands = ErrandRunner(term)
        status = term.pipeline.status
        metrics = term.pipeline.metrics
        state = StoredState(stream: 0, position: 0, revision: 0, checkpoint: nil, paused: nil)
    }

    /// Works until stopped; throws what ends the term.
    func run() async throws {
        state = try await parts.store.takeOver(term.grant)
        var backoff = Backoff()
        while !term.pipeline.isStopping {
            try Task.checkCancellation()
            publishState()
            if state.paused != nil {
                await idle()
                continue
            }
            let before = state.revision
            do {
                try await pass()
            } catch let error as RelayError {
                try await recover(from: error, backoff: &backoff)
            }
            if state.revision != before { backoff.reset() }
        }
        try await save()
    }

    /// One pass: source and deliveries side by side until one of them ends.
    private func pass() async throws {
        var limits = parts.limits
        if deliversSingly { limits.events = 1 }
        let queue = BatchQueue(limits: limits)
        let start = state.checkpoint
        unsaved = nil
        // What was reported before may be ahead of this, as after a restore: it is taken back before anything is read.
        try await parts.registration?.begin(after: state)
        isRegistered = true
        try await parts.destination.begin(after: state, under: term.grant)
        term.pipeline.watch(queue)
        defer { term.pipeline.watch(nil) }
        let alarm = DueAlarm.start(for: parts.destination, by: parts.store.clock, waking: queue)
        defer { alarm.cancel() }
        let source = parts.source
        let reader = Task {
            defer { queue.finish() }
            try await source.read(from: start, into: queue)
        }
        do {
            try await withTaskCancellationHandler {
                try await deliverAll(from: queue)
            } onCancel: {
                reader.cancel()
            }
        } catch {
            reader.cancel()
            // Before the stored state is read: nothing of this pass may be written behind that.
            await parts.destination.abandon()
            _ = await reader.result
            throw error
        }
        // Stopped, paused, or the source has ended: then it says why.
        let stopped = term.pipeline.isStopping || state.paused != nil
        if stopped {
            // Not waited for when stopping: a server may keep it, and what it reads now nobody takes.
            reader.cancel()
            try await settle()
            if !term.pipeline.isStopping { _ = await reader.result }
            return
        }
        // Everything that was read is settled: that must be known before what ended the source is acted upon, or a
        // restart would run into it again.
        try await settle()
        try await reader.value
    }

    private func deliverAll(from queue: BatchQueue) async throws {
        while true {
            status.progress.beat(parts.name, longestWait: .seconds(60))
            if term.pipeline.isStopping || state.paused != nil { return }
            state = try parts.destination.current(state)
            try await carryOutRequests(isDelivering: true)
            // Who was told "paused" must not see another event arrive.
            if state.paused != nil { return }
            if try await deliverApart(queue) { continue }
            guard try await parts.destination.awaitRoom() else { continue }
            switch try await queue.take() {
            case .woken: continue
            case .finished: return
            case .batch(let batch): try await deliver(batch)
            }
        }
    }

    /// Delivers what is not part of the stream: delayed events whose time has come, and what requests ask for. True
    /// when the time of this worker is better spent on looking again.
    private func deliverApart(_ queue: BatchQueue) async throws -> Bool {
        if let due = parts.destination.nextDue, due <= parts.store.clock.now {
            let delivery = try await parts.destination.deliverDue(after: state, under: term.grant)
            note(apart: delivery)
            return true
        }
        guard !errands.isIdle, let delivery = try await errands.step(after: state) else { return false }
        note(apart: delivery)
        // A batch of the stream in between, if there is one; else the next at once.
        return !errands.isIdle && !queue.hasBatch
    }

    private func note(apart delivery: Delivery) {
        state = delivery.state
        count(delivery)
    }

    private func deliver(_ batch: EventBatch) async throws {
        parts.prepare(batch)
        let doubtful = batch.filterRepeats()
        if !doubtful.isEmpty {
            for id in try await parts.store.settled(among: Array(doubtful.keys)) {
                if let index = doubtful[id] { batch.filter(at: index) }
            }
        }
        batch.delay(after: parts.store.clock.now)
        let count = batch.records.count
        metrics.read.increment(by: count)
        let filtered = batch.count(of: .filtered)
        if count == filtered {
            metrics.filtered.increment(by: filtered)
            status.update {
                $0.eventsRead += Int64(count)
                $0.eventsFiltered += Int64(filtered)
            }
            unsaved = batch
            if lastSave.duration(to: .now) >= Self.idleSaveInterval { try await save() }
            publishLag(batch)
            return
        }
        let began = ContinuousClock.now
        let delivery = try await parts.destination.deliver(batch, after: state, under: term.grant)
        state = delivery.state
        unsaved = nil
        lastSave = .now
        deliversSingly = false
        report(delivery, of: batch, took: began.duration(to: .now))
    }

    /// Stores the position behind everything that was settled without a transaction of its own.
    private func save() async throws {
        guard let batch = unsaved else { return }
        state = try await parts.destination.deliver(batch, after: state, under: term.grant).state
        unsaved = nil
        lastSave = .now
    }

    /// As ``save()``, and nothing is under way any more.
    private func settle() async throws {
        try await save()
        state = try await parts.destination.settle(state)
    }

    private func recover(from error: RelayError, backoff: inout Backoff) async throws {
        // An older position must never overwrite what an unanswered commit may have stored since.
        unsaved = nil
        errands.putBack()
        if error.code == .fenced { throw error }
        if error.code == .poison, !deliversSingly {
            deliversSingly = true
        } else if error.isRetriable {
            term.pipeline.note(error)
            await term.pipeline.pause(for: backoff.next())
        } else {
            try await halt(error)
        }
        try await reload(&backoff)
    }

    /// Reads the stored state, however long the store is away: the lease's own end breaks it off.
    private func reload(_ backoff: inout Backoff) async throws {
        while !term.pipeline.isStopping {
            status.progress.beat(parts.name, longestWait: .seconds(60))
            do {
                state = try await parts.store.load(term.grant)
                return
            } catch let error as RelayError where error.isRetriable && error.code != .fenced {
                term.pipeline.note(error)
                await term.pipeline.pause(for: backoff.next())
                try Task.checkCancellation()
            }
        }
    }

    /// Waits for a person, still holding the lease and answering requests, so that no standby runs into the same.
    private func halt(_ error: RelayError) async throws {
        term.pipeline.note(error)
        status.update {
            $0.state = .halted
            $0.why = error.message
        }
        term.pipeline.logger.critical(
            "pipeline halted; it goes on after `outbox-relay resume` or a restart",
            metadata: ["error.code": "\(error.code)", "error.message": "\(error.message)"])
        while !term.pipeline.isStopping {
            status.progress.beat(parts.name, longestWait: .seconds(10))
            if await answerRequests() { break }
            await term.pipeline.pause(for: .milliseconds(200))
            try Task.checkCancellation()
        }
        deliversSingly = false
        status.update { $0.state = .starting }
    }

    /// Paused: answers requests only.
    private func idle() async {
        status.progress.beat(parts.name, longestWait: .seconds(10))
        // A pipeline that is paused holds up cleaning at its place as well, wherever it stood before.
        if !isRegistered { isRegistered = (try? await parts.registration?.begin(after: state)) != nil }
        await answerRequests()
        await term.pipeline.pause(for: .milliseconds(200))
        // A former leader may have carried out a `resume` after this one looked.
        if lastLook.duration(to: .now) >= .seconds(10) {
            lastLook = .now
            if let stored = try? await parts.store.load(term.grant) { state = stored }
        }
    }

    /// As ``carryOutRequests()`` while nothing is delivered: what fails is tried again. True when asked to resume.
    @discardableResult
    private func answerRequests() async -> Bool {
        do {
            return try await carryOutRequests()
        } catch {
            term.pipeline.note(RelayError.wrapping(error))
            // Some of it may have been done.
            errands.putBack()
            if let stored = try? await parts.store.load(term.grant) { state = stored }
            return false
        }
    }

    /// Carries out what commands have asked for. True when one of them was to resume.
    @discardableResult
    private func carryOutRequests(isDelivering: Bool = false) async throws -> Bool {
        var resumed = false
        let requests = term.takeRequests()
        var unanswered = requests[...]
        // What is not reached because one throws is fetched again.
        defer { for request in unanswered { term.putBack(request) } }
        for request in requests {
            switch request.kind {
            case .retryDeadLetters(let ids):
                let (source, claimCheck) = (parts.source, parts.claimCheck)
                try await save()
                let delivery = try await parts.destination.retry(
                    ids, for: request, after: state, under: term.grant,
                    decode: {
                        let batch = try await source.decode(document: $0)
                        claimCheck?.apply(to: batch)
                        return batch
                    })
                state = delivery.state
                metrics.delivered.increment(by: delivery.delivered)
                status.update { $0.eventsDelivered += Int64(delivery.delivered) }
            case .discardDeadLetters(let ids):
                _ = try await parts.destination.discard(ids, for: request, under: term.grant)
                // While nothing is delivered, nobody else tells of what that has changed.
                if state.paused != nil { state = try await parts.store.load(term.grant) }
            case .pause(let reason):
                try await parts.store.setPaused(reason, request: request)
                state.paused = reason
                term.pipeline.logger.notice("paused", metadata: ["reason": "\(reason)"])
            case .resume:
                try await parts.store.setPaused(nil, request: request)
                state = try await parts.store.load(term.grant)
                resumed = true
                term.pipeline.logger.notice("resumed")
            case .replay where !isDelivering && request.progress == nil:
                // Whoever waits for the answer should not have to find out why nothing happens.
                try await parts.store.answer(
                    request,
                    RequestAnswer(
                        succeeded: false,
                        message: "nothing is delivered to this destination now: resume it first (`outbox-relay status` "
                            + "says why it stands still)"))
            case .replay, .publish: errands.take(request)
            case .unknown(let kind):
                try await parts.store.answer(
                    request,
                    RequestAnswer(
                        succeeded: false, message: "this version of outbox-relay does not know the request '\(kind)'"))
            }
            unanswered.removeFirst()
        }
        if !requests.isEmpty { term.recountDeadLetters() }
        return resumed
    }

    private func publishState() {
        let state = self.state
        status.update {
            $0.settledTime = state.checkpoint?.clusterTime
            $0.stream = state.stream
            $0.position = state.position
            if let reason = state.paused {
                $0.state = .paused
                $0.why = reason
                // What comes meanwhile is not looked at.
                $0.lagSeconds = nil
                $0.lagEvents = nil
            } else if $0.state == .paused || $0.state == .starting {
                $0.state = .catchingUp
            }
        }
    }

    private func report(_ delivery: Delivery, of batch: EventBatch, took: Duration) {
        count(delivery)
        metrics.batchSize.record(batch.records.count)
        metrics.batchDuration.recordNanoseconds(Int64(took / .nanoseconds(1)))
        status.update { $0.eventsRead += Int64(batch.records.count) }
        publishLag(batch)
    }

    /// What became of events, of the stream's or apart from it, for metrics, status and log.
    private func count(_ delivery: Delivery) {
        let dead = delivery.deadLettered.values.reduce(0, +)
        metrics.delivered.increment(by: delivery.delivered)
        metrics.filtered.increment(by: delivery.filtered)
        for (reason, count) in delivery.deadLettered {
            metrics.deadLettered(count, reason: reason.rawValue)
            term.pipeline.logger.warning(
                "documents dead-lettered", metadata: ["reason": "\(reason.rawValue)", "count": "\(count)"])
        }
        let position = delivery.state.position
        status.update {
            $0.eventsDelivered += Int64(delivery.delivered)
            $0.eventsFiltered += Int64(delivery.filtered)
            $0.eventsDeadLettered += Int64(dead)
            $0.deadLetters += dead
            $0.position = position
        }
    }

    private func publishLag(_ batch: EventBatch) {
        let hasUnsettled = parts.destination.hasUnsettled
        let settled = hasUnsettled ? state.checkpoint?.clusterTime : batch.end.clusterTime
        status.update {
            $0.settledTime = settled
            if batch.isLevel, batch.end.backlog == nil, !hasUnsettled {
                $0.lagSeconds = 0
                $0.lagEvents = 0
                $0.state = .streaming
                $0.why = nil
            } else if let newest = batch.sourceTime, let settled {
                let lag = Double(newest.seconds) - Double(settled.seconds)
                $0.lagSeconds = max(0, lag)
                $0.lagEvents = nil
                if lag >= 2 || batch.end.backlog != nil { $0.state = .catchingUp } else { $0.state = .streaming }
                $0.why = batch.end.backlog == nil ? nil : "reading the backlog that was there at the first start"
            }
        }
    }
}
