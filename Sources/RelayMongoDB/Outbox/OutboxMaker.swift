import RelayCore

/// Events of an outbox collection: each inserted document is one.
final class OutboxMaker: EventMaker {
    let shape: StreamShape
    private let decoder: OutboxDecoder
    private let references: PayloadReferences

    init(_ options: MongoSource.Options, connection: MongoConnection) {
        let collection = options.endpoint.collection
        shape = StreamShape(watched: .one(collection), operations: ["insert"])
        decoder = OutboxDecoder(options.mapping, collection: collection)
        references = PayloadReferences(
            connection, database: options.endpoint.database, style: options.mapping.style)
    }

    func take(_ change: ChangeEvent, into batch: EventBatch) throws {
        guard let document = change.document else {
            throw RelayError(
                .oversized,
                "the server cannot send the change event of a document that was inserted into the outbox: it is larger than "
                    + "16 MiB with what the server adds to it. Take the document out of the outbox, or make it smaller")
        }
        decoder.decode(
            document.bytes, fallbackTime: Int64(change.clusterTime.seconds) * 1000, committedAt: change.committedAt,
            references: references, into: batch)
    }

    func take(
        existing document: BSONView, of collection: String, time: Int64, mayRepeat: Bool, into batch: EventBatch
    ) {
        decoder.decode(
            document.bytes, fallbackTime: time, references: references, mayRepeat: mayRepeat, into: batch)
    }

    var isFull: Bool { references.isFull }

    func complete(_ batch: EventBatch) async throws {
        if references.isEmpty { return }
        try await references.complete(batch)
    }

    func decode(kept document: UnsafeRawBufferPointer, into batch: EventBatch) async throws {
        decoder.decode(document, fallbackTime: .min, references: references, into: batch)
        try await complete(batch)
    }
}
