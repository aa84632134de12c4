import NIOCore
import Synchronization

/// What is under way and has to end in time: one clock for all of it, instead of a timer for each.
///
/// A tick every few milliseconds, only while something is under way, ends what is overdue. So a deadline may be late by
/// a tick, which is nothing beside a time-out, and an attempt costs no timer, no task and no wake-up.
final class AttemptWatch: Sendable {
    /// Why something is ended from outside.
    enum Reason: Sendable, Equatable {
        case overdue
        case cancelled
    }

    /// Something under way.
    protocol Entry: AnyObject, Sendable {
        /// Ends it, on any thread; once at most.
        func end(_ reason: Reason)
    }

    /// What identifies an entry until it is removed.
    struct Ticket: Sendable {
        fileprivate let slot: Int
        fileprivate let use: Int
    }

    fileprivate struct Slot {
        var entry: (any Entry)?
        var deadline = NIODeadline.distantFuture
        var isDraining = false
        /// Counts how often the slot was taken: a ticket of an entry that has left does nothing.
        var use = 0
    }

    fileprivate struct State {
        var slots: [Slot] = []
        var free: [Int] = []
        var draining = 0
        var isTicking = false
        var round = 0
        var isClosed = false
    }

    private let loop: any EventLoop
    private let tick: TimeAmount
    private let mostDraining: Int
    private let state = Mutex(State())

    /// A watch whose clock ticks on `loop`.
    /// - Parameters:
    ///   - timeout: the usual time-out; the tick is a small part of it.
    ///   - mostDraining: how many may be kept only to read what is left of an answer.
    init(loop: any EventLoop, timeout: Duration, mostDraining: Int) {
        self.loop = loop
        self.mostDraining = mostDraining
        tick = .milliseconds(min(50, max(5, timeout.milliseconds / 20)))
    }

    /// What ``endAll()`` counts: an attempt that began in an earlier round is cancelled.
    var round: Int { state.withLock { $0.round } }

    /// How much is under way, and how much of it only reads what is left of an answer.
    var counts: (all: Int, draining: Int) { state.withLock { ($0.slots.count - $0.free.count, $0.draining) } }

    /// Puts something under the watch; nil when its round is over.
    func add(_ entry: some Entry, until deadline: NIODeadline, in round: Int) -> Ticket? {
        let (ticket, starts) = state.withLock { state -> (Ticket?, Bool) in
            guard state.round == round, !state.isClosed else { return (nil, false) }
            let slot: Int
            if let free = state.free.popLast() {
                slot = free
            } else {
                slot = state.slots.count
                state.slots.append(Slot())
            }
            state.slots[slot].entry = entry
            state.slots[slot].deadline = deadline
            state.slots[slot].use += 1
            let starts = !state.isTicking
            state.isTicking = true
            return (Ticket(slot: slot, use: state.slots[slot].use), starts)
        }
        if starts { scheduleTick() }
        return ticket
    }

    /// Brings a deadline forward.
    func hasten(_ ticket: Ticket, to deadline: NIODeadline) {
        state.withLock { state in
            guard state.slots[ticket.slot].use == ticket.use else { return }
            state.slots[ticket.slot].deadline = min(state.slots[ticket.slot].deadline, deadline)
        }
    }

    /// Lets an entry go on to read what is left of its answer; false when too many do that already.
    func drain(_ ticket: Ticket, until deadline: NIODeadline) -> Bool {
        state.withLock { state in
            guard state.slots[ticket.slot].use == ticket.use, state.draining < mostDraining else { return false }
            state.slots[ticket.slot].deadline = deadline
            state.slots[ticket.slot].isDraining = true
            state.draining += 1
            return true
        }
    }

    /// Takes something from under the watch, once it has ended.
    func remove(_ ticket: Ticket) { state.withLock { $0.vacate(ticket.slot, use: ticket.use) } }

    /// Ends everything that is under way, and what belongs to it and has not begun yet.
    /// - Parameter closing: whether nothing may begin any more.
    func endAll(closing: Bool = false) {
        let entries = state.withLock { state in
            state.round += 1
            if closing { state.isClosed = true }
            return state.take { _ in true }
        }
        for entry in entries { entry.end(.cancelled) }
    }

    private func scheduleTick() { _ = loop.scheduleTask(in: tick) { [weak self] in self?.ticked() } }

    private func ticked() {
        let (overdue, goesOn) = state.withLock { state in
            let now = NIODeadline.now()
            let overdue = state.take { $0.deadline <= now }
            state.isTicking = state.free.count < state.slots.count
            return (overdue, state.isTicking)
        }
        for entry in overdue { entry.end(.overdue) }
        if goesOn { scheduleTick() }
    }
}

extension AttemptWatch.State {
    fileprivate mutating func vacate(_ slot: Int, use: Int) {
        guard slots[slot].use == use, slots[slot].entry != nil else { return }
        if slots[slot].isDraining { draining -= 1 }
        slots[slot].entry = nil
        slots[slot].isDraining = false
        free.append(slot)
    }

    fileprivate mutating func take(_ isWanted: (AttemptWatch.Slot) -> Bool) -> [any AttemptWatch.Entry] {
        guard free.count < slots.count else { return [] }
        var taken: [any AttemptWatch.Entry] = []
        for slot in slots.indices {
            guard let entry = slots[slot].entry, isWanted(slots[slot]) else { continue }
            taken.append(entry)
            vacate(slot, use: slots[slot].use)
        }
        return taken
    }
}

extension AttemptWatch {
    /// Waits for a value that somebody else brings, `deadline` at the latest.
    ///
    /// - Parameter subscribe: hands the waiter to who brings the value; called at once.
    /// - Returns: the value, or why there is none.
    func wait<Value: Sendable>(
        until deadline: NIODeadline, in round: Int, _ subscribe: (Waiter<Value>) -> Void
    ) async -> Result<Value, Interruption> {
        let waiter = Waiter<Value>()
        guard let ticket = add(waiter, until: deadline, in: round) else { return .failure(Interruption(.cancelled)) }
        subscribe(waiter)
        let result = await waiter.value()
        remove(ticket)
        return result
    }

    /// A wait that ended without a value.
    struct Interruption: Error {
        let reason: Reason
        init(_ reason: Reason) { self.reason = reason }
    }

    /// One who waits for a value.
    final class Waiter<Value: Sendable>: Entry {
        private enum State {
            case empty
            case waiting(CheckedContinuation<Result<Value, Interruption>, Never>)
            case filled(Result<Value, Interruption>)
        }
        private let state = Mutex(State.empty)

        fileprivate init() {}

        /// Brings the value; only the first counts.
        func succeed(_ value: Value) { fill(.success(value)) }

        func end(_ reason: Reason) { fill(.failure(Interruption(reason))) }

        private func fill(_ result: Result<Value, Interruption>) {
            let continuation = state.withLock { state -> CheckedContinuation<Result<Value, Interruption>, Never>? in
                switch state {
                case .filled: return nil
                case .empty:
                    state = .filled(result)
                    return nil
                case .waiting(let continuation):
                    state = .filled(result)
                    return continuation
                }
            }
            continuation?.resume(returning: result)
        }

        fileprivate func value() async -> Result<Value, Interruption> {
            await withCheckedContinuation { continuation in
                let result = state.withLock { state -> Result<Value, Interruption>? in
                    if case .filled(let result) = state { return result }
                    state = .waiting(continuation)
                    return nil
                }
                if let result { continuation.resume(returning: result) }
            }
        }
    }
}
