import DequeModule
import Synchronization

/// The bounded hand-over between a source that reads and a pipeline that delivers: while a batch is being
/// delivered, the next ones fill.
///
/// The source checks out the batch that is open, appends to it, and submits it. A batch that is neither full
/// nor taken stays open, so small reads gather into large batches exactly while the destination is busy, and
/// an idle destination gets every event at once. When the queue holds its share of the buffer, `checkOut`
/// waits: MongoDB is the buffer then.
///
/// One source task and one pipeline task use a queue.
public final class BatchQueue: Sendable {
    /// What a pipeline finds when it looks into the queue.
    public enum Item: Sendable {
        /// Events, or a bare position.
        case batch(EventBatch)
        /// Nothing yet, but somebody called ``wake()``.
        case woken
        /// The source has ended.
        case finished
    }

    private struct State {
        var full: Deque<EventBatch> = []
        var open: EventBatch?
        var queuedBytes = 0
        var inFlightBytes = 0
        var isWoken = false
        var isFinished = false
        /// Until when the open batch waits for more, once the consumer has asked for it.
        var lingersUntil: ContinuousClock.Instant?
        var consumer: CheckedContinuation<Void, Never>?
        var producer: CheckedContinuation<Void, Never>?

        mutating func takeContinuation(of side: WritableKeyPath<State, CheckedContinuation<Void, Never>?>)
            -> CheckedContinuation<Void, Never>?
        {
            defer { self[keyPath: side] = nil }
            return self[keyPath: side]
        }
        var hasWork: Bool { !full.isEmpty || open != nil || isWoken || isFinished }
    }

    /// How large batches grow.
    public let limits: BatchLimits
    private let state = Mutex(State())

    /// An empty queue.
    public init(limits: BatchLimits) { self.limits = limits }

    /// Whether `batch` may take no more events.
    public func isFull(_ batch: EventBatch) -> Bool {
        batch.records.count >= limits.events || batch.byteCount >= limits.bytes
    }

    /// The open batch, or a new one that begins behind `position`; waits while the buffer is full.
    /// - Throws: `CancellationError` when the task is cancelled.
    public func checkOut(behind position: Checkpoint) async throws -> EventBatch {
        while true {
            try Task.checkCancellation()
            enum Next {
                case batch(EventBatch)
                case make
                case wait
            }
            let next: Next = state.withLock { state in
                if state.queuedBytes + state.inFlightBytes >= limits.buffer { return .wait }
                if let open = state.open {
                    state.open = nil
                    state.queuedBytes -= open.heldBytes
                    return .batch(open)
                }
                return .make
            }
            switch next {
            case .batch(let batch): return batch
            case .make: return EventBatch(end: position)
            case .wait: await wait(\.producer) { $0.queuedBytes + $0.inFlightBytes < self.limits.buffer }
            }
        }
    }

    /// Hands a batch over. It stays open for more while it is not full and nobody takes it.
    public func submit(_ batch: EventBatch) {
        let full = isFull(batch)
        let consumer = state.withLock { state in
            state.queuedBytes += batch.heldBytes
            if full {
                state.full.append(batch)
            } else {
                state.open = batch
            }
            return state.takeContinuation(of: \.consumer)
        }
        consumer?.resume()
    }

    /// Whether ``take()`` would find a batch now.
    var hasBatch: Bool { state.withLock { !$0.full.isEmpty || $0.open != nil } }

    /// The next batch. Waits until there is one, or somebody wakes the consumer, or the source has ended.
    /// Calling it says that the batch taken before is settled.
    public func take() async throws -> Item {
        let producer = state.withLock { state in
            state.inFlightBytes = 0
            return state.takeContinuation(of: \.producer)
        }
        producer?.resume()
        while true {
            try Task.checkCancellation()
            enum Next {
                case item(Item)
                case linger(until: ContinuousClock.Instant)
                case wait
            }
            let next: Next = state.withLock { state in
                if state.isWoken {
                    state.isWoken = false
                    return .item(.woken)
                }
                if let batch = state.full.popFirst() {
                    state.lingersUntil = nil
                    state.queuedBytes -= batch.heldBytes
                    state.inFlightBytes = batch.heldBytes
                    return .item(.batch(batch))
                }
                if let open = state.open {
                    if limits.linger > .zero, !open.records.isEmpty, !state.isFinished {
                        // Kept over calls: whoever is woken in between must not begin to wait anew.
                        let end = state.lingersUntil ?? .now + limits.linger
                        state.lingersUntil = end
                        if end > .now { return .linger(until: end) }
                    }
                    state.lingersUntil = nil
                    state.open = nil
                    state.queuedBytes -= open.heldBytes
                    state.inFlightBytes = open.heldBytes
                    return .item(.batch(open))
                }
                return state.isFinished ? .item(.finished) : .wait
            }
            switch next {
            case .item(let item): return item
            case .linger(let end):
                // In steps: what fills, ends or wakes meanwhile is seen.
                try await Task.sleep(for: min(.milliseconds(2), max(ContinuousClock.now.duration(to: end), .zero)))
            case .wait: await wait(\.consumer) { $0.hasWork }
            }
        }
    }

    /// Makes a waiting, or the next, ``take()`` return ``Item/woken``.
    public func wake() {
        let consumer = state.withLock { state in
            state.isWoken = true
            return state.takeContinuation(of: \.consumer)
        }
        consumer?.resume()
    }

    /// Says that the source will submit nothing more.
    public func finish() {
        let consumer = state.withLock { state in
            state.isFinished = true
            return state.takeContinuation(of: \.consumer)
        }
        consumer?.resume()
    }

    /// Bytes waiting and in flight.
    public var heldBytes: Int { state.withLock { $0.queuedBytes + $0.inFlightBytes } }

    private func wait(
        _ side: WritableKeyPath<State, CheckedContinuation<Void, Never>?> & Sendable,
        until ready: @Sendable (State) -> Bool
    ) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumeNow = state.withLock { state in
                    if ready(state) || Task.isCancelled { return true }
                    state[keyPath: side] = continuation
                    return false
                }
                if resumeNow { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.takeContinuation(of: side) }?.resume()
        }
    }
}
