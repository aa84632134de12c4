/// Where events come from. A source knows nothing of destinations.
public protocol Source: Sendable {
    /// Reads from behind `checkpoint` (from the very beginning when nil) and submits batches to `queue`
    /// until it is cancelled.
    ///
    /// Waits out whatever passes by itself (elections, broken connections, a collection that does not
    /// exist yet), reporting it to its status.
    /// - Throws: ``RelayError`` for what a person has to decide: the pipeline halts.
    func read(from checkpoint: Checkpoint?, into queue: BatchQueue) async throws

    /// Makes an event of a document that was once no event, in its source form (`DeadLetter.document`).
    /// The batch holds one record, of either outcome.
    func decode(document: [UInt8]) async throws -> EventBatch

    /// Reads some of the selected events as they lie in the source now, beside ``read(from:into:)``.
    /// - Parameter cursor: `next` of the page before; nil for the first.
    /// - Throws: ``RelayError``; a retriable one when the page may be asked for again.
    func replay(_ selection: ReplaySelection, from cursor: String?) async throws -> ReplayPage
}

extension Source {
    public func replay(_ selection: ReplaySelection, from cursor: String?) async throws -> ReplayPage {
        throw RelayError(.unsupported, "this source keeps no events that could be replayed")
    }
}
