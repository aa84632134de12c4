/// How large one batch grows, and how much a pipeline holds.
public struct BatchLimits: Sendable {
    /// Events in one batch at most (`RELAY_BATCH_EVENTS`).
    public var events: Int
    /// Bytes in one batch at which it is full (`RELAY_BATCH_BYTES`); a single larger event still makes one.
    public var bytes: Int
    /// How long a batch that is not full waits for more (`RELAY_BATCH_LINGER`).
    public var linger: Duration
    /// Bytes this pipeline may hold: its share of `RELAY_BUFFER_BYTES`.
    public var buffer: Int

    /// Limits for one pipeline.
    public init(events: Int = 2000, bytes: Int = 4 << 20, linger: Duration = .zero, buffer: Int = 32 << 20) {
        self.events = events
        self.bytes = bytes
        self.linger = linger
        self.buffer = buffer
    }
}
