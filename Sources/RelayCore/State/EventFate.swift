/// What a destination's records say of an event.
public enum EventFate: String, Sendable, Codable {
    /// It is, or was, in the queue, or it was delivered.
    case delivered
    /// It waits durably: for another attempt, or for its time.
    case parked
    /// It waits in the dead letters.
    case deadLettered = "dead-lettered"
    /// It was given up by a person.
    case discarded
}

/// How far a destination's pipeline is, as its store tells.
public struct PipelineReach: Sendable {
    /// Everything committed up to here is settled; nil before the first checkpoint.
    public var clusterTime: ClusterTime?
    /// Whether it is still reading what was there at its first start.
    public var isInBacklog: Bool
    /// Whether a relay holds its lease now.
    public var isLed: Bool

    /// A reach.
    public init(checkpoint: Checkpoint?, isLed: Bool) {
        clusterTime = checkpoint?.clusterTime
        isInBacklog = checkpoint == nil || checkpoint?.backlog != nil
        self.isLed = isLed
    }
}

extension EventFate {
    /// Of several records of one event, the one that counts: the first of `order`.
    public static func deciding(_ one: EventFate, _ other: EventFate?, in order: [EventFate]) -> EventFate {
        guard let other else { return one }
        return order.first { $0 == one || $0 == other } ?? one
    }
}
