import Logging
import RelayCore
import Synchronization

/// Delivers what follows one stored state, until it is ended: as many workers as attempts may be under way, one task
/// that writes what is settled, one that reads the park, and one that tells the time.
///
/// Every decision is the ``DeliveryMachine``'s. Here is a lock around it, and what it decides is done.
final class DeliveryPass: Sendable {
    struct State {
        var machine: DeliveryMachine
        var spool = SpoolRule()
        var stored: StoredState
        var idle: [CheckedContinuation<Assignment?, Never>] = []
        var isEnding = false
        var failure: RelayError?
        var tasks: [Task<Void, Never>] = []
    }

    let state: Mutex<State>
    let store: any SettlementStore
    let sender: any EventSender
    let grant: LeaseGrant
    let observer: DeliveryObserver
    private let toWrite = Signal()
    let toRead = Signal()
    private let roomOrEnd = Signal()

    /// Between two writes that only move the checkpoint.
    static let saveInterval = Duration.milliseconds(50)

    init(
        _ machine: DeliveryMachine, after stored: StoredState, store: any SettlementStore, sender: any EventSender,
        grant: LeaseGrant, observer: DeliveryObserver
    ) {
        state = Mutex(State(machine: machine, stored: stored))
        self.store = store
        self.sender = sender
        self.grant = grant
        self.observer = observer
    }

    /// Begins.
    func start() {
        let workers = state.withLock { $0.machine.limits.concurrency }
        var tasks = (0..<workers).map { _ in Task { await work() } }
        tasks.append(Task { await write() })
        tasks.append(Task { await readPark() })
        tasks.append(Task { await tick() })
        state.withLock { $0.tasks = tasks }
    }

    // MARK: - For the destination

    /// Takes over a batch.
    func admit(_ batch: EventBatch) async throws {
        batch.trim()
        let keys = try change { $0.beginLook(batch) }
        let parked = keys.isEmpty ? [] : try await look(for: keys)
        try change { $0.admit(batch, parked: parked, now: store.clock.moment) }
    }

    /// Those of `keys` that are parked, however long the store is away: what is under way need not be broken off for it.
    private func look(for keys: [EventKey]) async throws -> Set<EventKey> {
        var backoff = Backoff(first: .milliseconds(50), most: .seconds(2))
        while true {
            do {
                return try await store.parkedKeys(among: keys)
            } catch {
                let error = RelayError.wrapping(error)
                let failure = state.withLock { $0.isEnding ? error : $0.failure }
                guard error.isRetriable, error.code != .fenced, failure == nil else { throw failure ?? error }
                observer.postponed(error)
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    /// Does something to the machine and sees to what follows.
    /// - Throws: what has ended the pass.
    func change<Result: Sendable>(_ body: (inout DeliveryMachine) throws -> sending Result) throws -> Result {
        let (result, failure) = try state.withLock { state -> (Result, RelayError?) in
            if let failure = state.failure { throw failure }
            let result = try body(&state.machine)
            return (result, nil)
        }
        if let failure { throw failure }
        dispatch()
        return result
    }

    /// The state as stored now, with the pause that the receiver asked for.
    /// - Throws: what has ended the pass.
    func current() throws -> StoredState {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            var stored = state.stored
            // Only when it is stored: a pause that is forgotten by a crash is none.
            if let reason = state.machine.pauseReason, !state.machine.isUrgent { stored.paused = reason }
            return stored
        }
    }

    var parkedByErrands: Int { state.withLock { $0.machine.errandKeys.count } }

    var hasUnsettled: Bool { state.withLock { !$0.machine.isLevel } }

    /// Waits until there is room for another batch, for a moment at most.
    func awaitRoom() async throws -> Bool {
        for _ in 0..<2 {
            let (hasRoom, failure) = state.withLock { ($0.machine.hasRoom, $0.failure) }
            if let failure { throw failure }
            if hasRoom { return true }
            await roomOrEnd.wait(atMost: .milliseconds(250))
        }
        return false
    }

    /// Waits until everything that was to be written when it was called is written.
    func awaitWrite() async throws {
        let (number, failure) = state.withLock { state in
            (state.machine.isUrgent ? state.machine.building : state.machine.taken, state.failure)
        }
        if let failure { throw failure }
        toWrite.raise()
        while true {
            let (isWritten, failure) = state.withLock { ($0.machine.written >= number, $0.failure) }
            if let failure { throw failure }
            if isWritten { return }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Begins no attempt any more, waits `time` for those under way, and stores what is settled.
    func settle(within time: Duration) async throws -> StoredState {
        state.withLock { $0.machine.isRunning = false }
        let end = ContinuousClock.now + time
        while state.withLock({ $0.machine.inFlight > 0 && $0.failure == nil }), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(2))
        }
        state.withLock { state in
            guard state.failure == nil else { return }
            let now = store.clock.moment
            if state.machine.breaker.isClosed { state.machine.giveUpRefused(before: .max, now) }
            state.machine.parkGaps(now: now)
        }
        toWrite.raise()
        while state.withLock({ $0.failure == nil && ($0.machine.hasSomethingToWrite || !$0.machine.isWritten) }) {
            guard ContinuousClock.now < end + .seconds(2) else { break }
            try await Task.sleep(for: .milliseconds(2))
        }
        return try current()
    }

    /// Breaks off everything. Callable from any task, more than once.
    func cancel() {
        let (idle, tasks) = state.withLock { state in
            state.isEnding = true
            state.machine.isRunning = false
            defer { state.idle = [] }
            return (state.idle, state.tasks)
        }
        sender.cancelAll()
        for worker in idle { worker.resume(returning: nil) }
        for task in tasks { task.cancel() }
        for signal in [toWrite, toRead, roomOrEnd] { signal.raise() }
    }

    /// Breaks off everything and waits until it has ended. What the next pass of the destination inherits is returned.
    func end() async -> (breaker: CircuitBreaker, bucket: TokenBucket?, notBefore: Int64) {
        cancel()
        for task in state.withLock({ $0.tasks }) { await task.value }
        observer.show(state.withLock { $0.machine.summary })
        return state.withLock { ($0.machine.breaker, $0.machine.bucket, $0.machine.notBefore) }
    }

    func fail(_ error: RelayError) {
        state.withLock { state in
            if state.failure == nil { state.failure = error }
            state.machine.isRunning = false
        }
        roomOrEnd.raise()
    }

    // MARK: - Workers

    private func work() async {
        var next = await assignment(after: nil)
        while let assignment = next {
            let began = ContinuousClock.now
            let result = await sender.attempt(assignment.events, redelivery: assignment.redelivery)
            observer.attempted(result, took: began.duration(to: .now))
            next = await self.assignment(after: (assignment, result))
        }
    }

    /// Hands in what became of the last assignment and waits for the next. Nil when the pass ends.
    private func assignment(after finished: (Assignment, AttemptResult)?) async -> Assignment? {
        enum Next {
            case now(Assignment?)
            case wait
        }
        let next: Next = state.withLock { state in
            let now = store.clock.moment
            if let (assignment, result) = finished {
                state.machine.finish(assignment, result, now: now)
            }
            if state.isEnding { return .now(nil) }
            return state.machine.choose(now: now).map { .now($0) } ?? .wait
        }
        if finished != nil { dispatch() }
        switch next {
        case .now(let assignment): return assignment
        case .wait:
            return await withCheckedContinuation { continuation in
                let ready: Assignment?? = state.withLock { state in
                    if state.isEnding { return .some(nil) }
                    if let assignment = state.machine.choose(now: store.clock.moment) { return assignment }
                    state.idle.append(continuation)
                    return nil
                }
                if let ready { continuation.resume(returning: ready) }
            }
        }
    }

    /// Gives idle workers what there is to do, and wakes whoever has something to write or read.
    func dispatch() {
        let (started, writes, reads, hasRoom, report) = state.withLock { state in
            var started: [(CheckedContinuation<Assignment?, Never>, Assignment)] = []
            if !state.idle.isEmpty {
                let now = store.clock.moment
                while let worker = state.idle.last, let assignment = state.machine.choose(now: now) {
                    state.idle.removeLast()
                    started.append((worker, assignment))
                }
            }
            defer { state.machine.report = DeliveryReport() }
            return (
                started, state.machine.hasSomethingToWrite, !state.machine.toLoad.isEmpty, state.machine.hasRoom,
                state.machine.report
            )
        }
        for (worker, assignment) in started { worker.resume(returning: assignment) }
        if writes { toWrite.raise() }
        if reads { toRead.raise() }
        if hasRoom { roomOrEnd.raise() }
        observer.observe(report)
    }

    // MARK: - Time

    private func tick() async {
        var looks = 0
        while !state.withLock({ $0.isEnding }) {
            let (isBusy, reads, owes, error) = state.withLock { state in
                let now = store.clock.moment
                state.spoolIfNeeded(share: observer.oplogShare, now)
                state.machine.review(now: now)
                return (
                    state.machine.waitsForTime(now), state.machine.dueRoom(now: now) > 0,
                    state.machine.owesStoppedTime(now), state.machine.spoolError(of: observer.destination)
                )
            }
            dispatch()
            if let error { fail(error) }
            if owes { toWrite.raise() }
            if reads { toRead.raise() }
            if looks % 16 == 0 { observer.show(state.withLock { $0.machine.summary }) }
            looks += 1
            try? await Task.sleep(for: isBusy ? .milliseconds(20) : .milliseconds(250))
        }
    }

    // MARK: - Writing

    private func write() async {
        var backoff = Backoff(first: .milliseconds(50), most: .seconds(2))
        while !Task.isCancelled {
            await toWrite.wait()
            let (taken, stored, isUrgent) = state.withLock { state in
                let isUrgent = state.machine.isUrgent
                return (state.machine.takeSettlement(now: store.clock.moment), state.stored, isUrgent)
            }
            guard let settlement = taken else { continue }
            guard let new = await store(settlement, after: stored, &backoff) else { return }
            state.withLock { state in
                state.stored = new
                state.machine.wrote(now: store.clock.moment)
            }
            observer.stored(settlement)
            dispatch()
            if !isUrgent, state.withLock({ $0.machine.isRunning }) { try? await Task.sleep(for: Self.saveInterval) }
        }
    }

    /// Writes until it is written. Nil when the pass has ended.
    ///
    /// After an answer that did not come, the stored revision tells whether it was written: nobody else writes under
    /// this grant.
    private func store(
        _ settlement: Settlement, after stored: StoredState, _ backoff: inout Backoff
    ) async -> StoredState? {
        // Whether an earlier try may have been written, or may be yet; and whether it is not known if it was.
        var (wasTried, isUncertain) = (false, false)
        while !Task.isCancelled {
            do {
                if isUncertain {
                    // Throws when the lease is somebody else's.
                    let found = try await store.load(grant)
                    if found.revision == stored.revision + 1 { return found }
                    guard found.revision == stored.revision else {
                        throw RelayError(.identity, "the stored state of this pipeline was changed by somebody else")
                    }
                    isUncertain = false
                }
                let new = try await store.settle(settlement, after: stored, under: grant)
                backoff.reset()
                return new
            } catch {
                let error = RelayError.wrapping(error)
                // Behind a try that went unanswered, it may be that very try that is in the way.
                let isOwn = error.code == .fenced && wasTried && !isUncertain
                guard (error.isRetriable && error.code != .fenced) || isOwn else {
                    fail(error)
                    return nil
                }
                (wasTried, isUncertain) = (true, true)
                observer.postponed(error)
                try? await Task.sleep(for: backoff.next())
            }
        }
        return nil
    }
}
