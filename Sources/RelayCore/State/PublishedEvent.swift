/// An event that a relay itself has made, on its way to a destination.
public struct PublishedEvent: Sendable, Equatable, Codable {
    public var id: String
    public var topic: String
    public var type: String
    public var key: String
    /// JSON text.
    public var payload: String
    /// When it happened, in Unix milliseconds.
    public var occurredAt: Int64

    /// An event.
    public init(id: String, topic: String, type: String, key: String, payload: String, occurredAt: Int64) {
        self.id = id
        self.topic = topic
        self.type = type
        self.key = key
        self.payload = payload
        self.occurredAt = occurredAt
    }

    /// The event in a batch of its own.
    var batch: EventBatch {
        let batch = EventBatch(end: Checkpoint(), capacity: payload.utf8.count + 512)
        var record = EventRecord()
        record.id = batch.arena.appended(id)
        record.topic = batch.arena.appended(topic)
        record.type = batch.arena.appended(type)
        record.key = batch.arena.appended(key)
        record.payload = batch.arena.appended(payload)
        // Not known: to a `jsonb` column an escaped NUL must not go unseen.
        record.payloadRefusedByJSONB = payload.contains("\\u0000")
        record.occurredAt = occurredAt
        batch.append(record)
        return batch
    }
}
