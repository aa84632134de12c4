/// One event of a batch, with its count in the stream. Holds the batch, and so the event's bytes.
public struct EventReference: Sendable {
    /// The batch that the event lies in.
    public let batch: EventBatch
    /// Which of its records it is.
    public let index: Int
    /// The event's count in its stream, beginning at 1: what a queue calls its position.
    public let position: Int64

    /// The event at `index` of `batch`.
    public init(_ batch: EventBatch, index: Int, position: Int64) {
        self.batch = batch
        self.index = index
        self.position = position
    }

    /// Where the event's fields lie.
    public var record: EventRecord { batch.records[index] }

    /// The bytes of one of its fields; nil where it has none. Valid while the batch lives.
    public func bytes(_ field: KeyPath<EventRecord, ByteRange>) -> UnsafeRawBufferPointer? {
        let range = record[keyPath: field]
        return range.isPresent ? batch.arena[range] : nil
    }

    /// One of its fields as text; nil where it has none.
    public func text(_ field: KeyPath<EventRecord, ByteRange>) -> String? {
        bytes(field).map { String(decoding: $0, as: UTF8.self) }
    }

    /// About how many bytes the event itself takes.
    public var byteCount: Int {
        let record = record
        return [
            record.id, record.topic, record.type, record.key, record.payload, record.headers, record.document,
            record.documentText,
        ].reduce(MemoryLayout<EventRecord>.stride) { $0 + ($1.isPresent ? Int($1.length) : 0) }
    }
}
