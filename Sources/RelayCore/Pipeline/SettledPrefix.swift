import DequeModule

/// Finds up to where everything is settled while events settle in any order: only the batches without a gap at the
/// front may be passed by the checkpoint.
///
/// A pure value: it is told what happened, and asked where the checkpoint may stand.
public struct SettledPrefix: Sendable {
    private struct Batch: Sendable {
        var unsettled: Int
        var end: Checkpoint
        var position: Int64
        var bytes: Int
    }
    private var batches: Deque<Batch> = []
    /// The number of the batch at the front.
    private var first = 0
    /// The bytes that the batches not yet passed hold.
    public private(set) var heldBytes = 0
    /// The newest batch of which an event was settled; everything unsettled before it is a gap.
    public private(set) var newestSettled = -1
    /// The events among them that are not settled.
    public private(set) var unsettled = 0

    /// Nothing taken over.
    public init() {}

    /// Whether everything that was taken over has been passed.
    public var isEmpty: Bool { batches.isEmpty }

    /// The number of the oldest batch that has not been passed; nil when there is none.
    public var oldest: Int? { batches.isEmpty ? nil : first }

    /// Takes over a batch.
    /// - Parameters:
    ///   - count: how many of its events are not settled yet.
    ///   - end: the checkpoint behind it.
    ///   - position: the count of events behind it.
    ///   - bytes: the memory it holds until it is passed.
    /// - Returns: its number, for ``settle(_:count:)``.
    public mutating func admit(unsettled count: Int, end: Checkpoint, position: Int64, bytes: Int) -> Int {
        precondition(count >= 0 && bytes >= 0)
        batches.append(Batch(unsettled: count, end: end, position: position, bytes: bytes))
        heldBytes += bytes
        unsettled += count
        return first + batches.count - 1
    }

    /// Says that `count` more events of the batch `number` are settled.
    public mutating func settle(_ number: Int, count: Int = 1) {
        precondition(number >= first && number - first < batches.count, "the batch has been passed")
        precondition(batches[number - first].unsettled >= count, "an event was settled twice")
        batches[number - first].unsettled -= count
        newestSettled = max(newestSettled, number)
        unsettled -= count
    }

    /// Whether ``advance()`` would pass a batch.
    public var canAdvance: Bool { batches.first?.unsettled == 0 }

    /// Passes every batch up to the first that is not settled.
    /// - Returns: the checkpoint behind the last one passed, with the count of events there; nil when none was.
    public mutating func advance() -> (end: Checkpoint, position: Int64)? {
        var passed: (Checkpoint, Int64)?
        while let batch = batches.first, batch.unsettled == 0 {
            passed = (batch.end, batch.position)
            heldBytes -= batch.bytes
            batches.removeFirst()
            first += 1
        }
        return passed
    }
}
