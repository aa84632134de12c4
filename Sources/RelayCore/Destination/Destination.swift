/// Where events go. A destination knows nothing of sources.
public protocol Destination: Sendable {
    /// Settles every record of `batch` and saves `batch.end` as the checkpoint.
    ///
    /// Where the checkpoint lives beside the events, both happen in one transaction or not at all.
    /// - Parameters:
    ///   - state: the state as last stored; what was stored since by anybody else makes this throw.
    ///   - grant: the lease under which to write.
    /// - Returns: what became of the records, with the state as stored now.
    /// - Throws: ``RelayError``; a retriable one when it is not known or not so that the batch was settled. The
    ///   caller then reads the stored state again and goes on from there.
    func deliver(_ batch: EventBatch, after state: StoredState, under grant: LeaseGrant) async throws -> Delivery

    /// Delivers dead letters again, at new positions, with the header `outbox-relay-redelivery: retry`.
    func retry(
        _ letters: [Int64], for request: RelayRequest, after state: StoredState, under grant: LeaseGrant,
        decode: @Sendable ([UInt8]) throws -> EventBatch
    ) async throws -> Delivery

    /// Gives dead letters up for good.
    func discard(_ letters: [Int64], for request: RelayRequest, under grant: LeaseGrant) async throws -> Int

    /// Breaks off what is under way, because the lease has ended. Callable from any task.
    func cancelInFlight()
}

/// What became of a batch.
public struct Delivery: Sendable {
    /// The state as it is stored now.
    public var state: StoredState
    /// Events delivered.
    public var delivered: Int
    /// Events that were not asked for.
    public var filtered: Int
    /// Dead letters by reason.
    public var deadLettered: [Poison.Reason: Int]

    /// What became of a batch.
    public init(state: StoredState, delivered: Int, filtered: Int = 0, deadLettered: [Poison.Reason: Int] = [:]) {
        self.state = state
        self.delivered = delivered
        self.filtered = filtered
        self.deadLettered = deadLettered
    }
}
