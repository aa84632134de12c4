/// Where events go. A destination knows nothing of sources.
///
/// There are two kinds. An atomic one (a queue) settles a batch and its checkpoint in one transaction within
/// ``deliver(_:after:under:)``. The other (a webhook) takes the batch over, settles its events one by one, in no order
/// but that of their keys, and saves the checkpoint behind what is settled without a gap; it implements the
/// requirements that have defaults here as well.
public protocol Destination: Sendable {
    /// A pass begins: events follow from behind `state`. Nothing from before is under way or remembered.
    func begin(after state: StoredState, under grant: LeaseGrant) async throws

    /// Waits a moment, a second at most, until another batch can be taken over. False when there is no room yet.
    func awaitRoom() async throws -> Bool

    /// The state as stored now, where the destination itself writes it beside the pass; else `state`.
    /// - Throws: what ended its work.
    func current(_ state: StoredState) throws -> StoredState

    /// Begins nothing more, waits for what is under way, and saves the checkpoint behind what is settled.
    func settle(_ state: StoredState) async throws -> StoredState

    /// Breaks off and forgets what is under way: the stored state is read anew, and another pass begins there.
    func abandon() async

    /// Whether events that were taken over are not settled yet.
    var hasUnsettled: Bool { get }

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
        decode: @Sendable ([UInt8]) async throws -> EventBatch
    ) async throws -> Delivery

    /// Gives dead letters up for good.
    func discard(_ letters: [Int64], for request: RelayRequest, under grant: LeaseGrant) async throws -> Int

    /// Delivers events at new positions, apart from the order of their keys, and stores the errand's progress with
    /// them: both or neither. Events that it cannot take become poison of `batch` and are left out.
    func deliver(
        _ batch: EventBatch, for errand: Errand, after state: StoredState, under grant: LeaseGrant
    ) async throws -> Delivery

    /// Whether more of an errand's events may be delivered now: what waits durably stays bounded.
    func hasRoomForErrands(in state: StoredState) async throws -> Bool

    /// When, in Unix milliseconds, the next event is due that ``deliverDue(after:under:)`` delivers; nil while none
    /// waits, and of a destination that sees to that by itself.
    var nextDue: Int64? { get }

    /// Delivers delayed events whose time has come, at new positions.
    func deliverDue(after state: StoredState, under grant: LeaseGrant) async throws -> Delivery

    /// Breaks off what is under way, because the lease has ended. Callable from any task.
    func cancelInFlight()
}

extension Destination {
    public func begin(after state: StoredState, under grant: LeaseGrant) async throws {}
    public func awaitRoom() async throws -> Bool { true }
    public func current(_ state: StoredState) throws -> StoredState { state }
    public func settle(_ state: StoredState) async throws -> StoredState { state }
    public func abandon() async {}
    public var hasUnsettled: Bool { false }
    public func deliver(
        _ batch: EventBatch, for errand: Errand, after state: StoredState, under grant: LeaseGrant
    ) async throws -> Delivery {
        throw RelayError(.unsupported, "this destination delivers nothing outside of the stream's order")
    }
    public func hasRoomForErrands(in state: StoredState) async throws -> Bool { true }
    public var nextDue: Int64? { nil }
    public func deliverDue(after state: StoredState, under grant: LeaseGrant) async throws -> Delivery {
        Delivery(state: state, delivered: 0)
    }
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
