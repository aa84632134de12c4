import RelayCore

/// Makes events of what a source reads: one for each kind of source.
///
/// Whatever a service has written becomes an event or poison; only a broken answer of the server makes it throw.
/// It belongs to one reading, and so to one task.
protocol EventMaker: AnyObject {
    /// What is asked of the change stream.
    var shape: StreamShape { get }

    /// Appends the events of a change.
    func take(_ change: ChangeEvent, into batch: EventBatch) throws

    /// Appends the events of a document that was there already.
    /// - Parameters:
    ///   - document: as a scan found it.
    ///   - collection: where.
    ///   - time: when it was made, as its ObjectId tells, in milliseconds since 1970; `Int64.min` when unknown.
    ///   - mayRepeat: whether its events may have been settled before.
    func take(existing document: BSONView, of collection: String, time: Int64, mayRepeat: Bool, into batch: EventBatch)

    /// Whether ``complete(_:)`` has to be called before more is appended: what it is to read has become much.
    var isFull: Bool { get }

    /// Reads what events appended so far still need, and puts them in their places. To be called before a batch is
    /// handed over.
    func complete(_ batch: EventBatch) async throws

    /// Makes an event anew of what ``EventRecord/document`` kept of one that could not be made.
    func decode(kept document: UnsafeRawBufferPointer, into batch: EventBatch) async throws
}

extension EventMaker {
    var isFull: Bool { false }
    func complete(_ batch: EventBatch) async throws {}
}
