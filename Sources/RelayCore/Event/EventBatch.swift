/// Consecutive events of one source, their bytes in one arena, and the checkpoint behind the last of them.
///
/// A batch without records is a bare position: nothing happened up to there, and that is worth remembering.
/// A batch is filled by one task and then handed over; from then on it is only read.
public final class EventBatch: @unchecked Sendable {
    // @unchecked: `BatchQueue` moves a batch from its only writer to its only reader under a lock.

    /// The bytes of every field.
    public let arena: ByteArena
    /// The events in source order.
    public internal(set) var records: [EventRecord] = []
    /// Why documents are no events, referred to by ``EventRecord/note``.
    public internal(set) var poison: [Poison] = []
    /// The position behind the last record.
    public internal(set) var end: Checkpoint
    /// The source's newest cluster time when the last record was read, and whether nothing lay beyond.
    public internal(set) var sourceTime: ClusterTime?
    public internal(set) var isLevel = false

    /// An empty batch that ends at `end`.
    public init(end: Checkpoint, capacity: Int = 64 * 1024) {
        arena = ByteArena(capacity: capacity)
        self.end = end
    }

    /// An empty batch whose records lie in the arena of another, which they are to be part of.
    public init(end: Checkpoint, arena: ByteArena) {
        self.arena = arena
        self.end = end
    }

    /// The bytes that are filled: what decides whether a batch is full.
    public var byteCount: Int { arena.count + records.count * MemoryLayout<EventRecord>.stride }

    /// The memory that the batch holds, in bytes, filled or not: what counts against the buffer.
    public var heldBytes: Int { arena.capacity + records.capacity * MemoryLayout<EventRecord>.stride }

    /// Gives back memory that was reserved and is not used, where that is most of it.
    public func trim() { arena.trim() }

    /// Adds an event whose fields already lie in the arena.
    @inline(__always)
    public func append(_ record: EventRecord) { records.append(record) }

    /// Adds a document that is no event.
    public func append(_ record: EventRecord, poison reason: Poison) {
        var record = record
        record.outcome = .poison
        record.note = Int32(poison.count)
        poison.append(reason)
        records.append(record)
    }

    /// Turns an event into poison after the fact: a later stage cannot use it.
    public func reject(at index: Int, _ reason: Poison) {
        records[index].outcome = .poison
        records[index].note = Int32(poison.count)
        poison.append(reason)
    }

    /// Changes a record whose fields were not known when it was appended.
    public func update(at index: Int, _ change: (inout EventRecord) -> Void) { change(&records[index]) }

    /// Marks an event as not asked for.
    public func filter(at index: Int) { records[index].outcome = .filtered }

    /// Marks the events that may not be delivered at `time` (Unix milliseconds) yet.
    func delay(after time: Int64) {
        for index in records.indices where records[index].outcome == .event && records[index].deliverAfter > time {
            records[index].outcome = .delayed
        }
    }

    /// Takes all records but the first `count` out again: the pipeline halts before them.
    public func truncate(to count: Int) { records.removeSubrange(count...) }

    /// Puts the records of `other`, which lie in the same arena, in a place that was held for them.
    public func replace(at index: Int, with other: EventBatch) {
        precondition(other.arena === arena)
        let first = Int32(poison.count)
        poison += other.poison
        let moved = other.records.map { record in
            var record = record
            if record.note >= 0 { record.note += first }
            return record
        }
        records.replaceSubrange(index...index, with: moved)
    }

    /// Leaves out records that may repeat where one of the same id comes before them.
    /// - Returns: the other records that may repeat, by id: the state store knows whether they were settled before.
    public func filterRepeats() -> [String: Int] {
        guard records.contains(where: { $0.mayRepeat }) else { return [:] }
        var seen: Set<String> = []
        var doubtful: [String: Int] = [:]
        for index in records.indices where records[index].outcome != .filtered && records[index].id.isPresent {
            let id = arena.string(records[index].id)
            let isNew = seen.insert(id).inserted
            guard records[index].mayRepeat else { continue }
            if isNew { doubtful[id] = index } else { filter(at: index) }
        }
        return doubtful
    }

    /// Says where the batch ends.
    /// - Parameters:
    ///   - checkpoint: the position behind the last record.
    ///   - sourceTime: the source's newest time, where it told it.
    ///   - isLevel: whether the source had nothing beyond `checkpoint` then.
    public func close(at checkpoint: Checkpoint, sourceTime: ClusterTime?, isLevel: Bool) {
        end = checkpoint
        if let sourceTime { self.sourceTime = sourceTime }
        self.isLevel = isLevel
    }

    /// How many records have `outcome`.
    public func count(of outcome: EventRecord.Outcome) -> Int {
        var count = 0
        for record in records where record.outcome == outcome { count += 1 }
        return count
    }
}
