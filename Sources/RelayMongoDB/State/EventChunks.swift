/// What of an event has no room in its document, cut into documents of its own: an event near 16 MiB is stored like
/// any other.
///
/// Chunks are written before the transaction that makes an event refer to them, since a transaction has to fit into
/// a part of the server's cache. Each attempt writes a set of its own; sets that nothing refers to are found by upkeep.
struct EventChunks: Sendable {
    /// The largest chunk, in bytes.
    static let size = 8 << 20

    let pipeline: String
    /// The set's random UUID.
    let set: [UInt8]
    /// How many there are.
    let count: Int

    /// A new set for so many bytes.
    init(pipeline: String, bytes: Int) {
        self.pipeline = pipeline
        var random = SystemRandomNumberGenerator()
        set = (0..<16).map { _ in UInt8.random(in: 0 ... .max, using: &random) }
        count = (bytes + Self.size - 1) / Self.size
    }

    /// The chunks that a stored event refers to; nil when it has none.
    init?(_ view: BSONView, pipeline: String) throws {
        guard let chunks = try view.value("chunks")?.document, let set = try chunks.value("s")?.binary?.bytes,
            let count = try chunks.value("n")?.integral, count > 0, count < 1 << 16
        else { return nil }
        self.pipeline = pipeline
        self.set = Array(set)
        self.count = Int(count)
    }

    /// What an event's document says of them.
    var reference: BSONDocument { ["s": .binary(set, subtype: 4), "n": .integer(count)] }

    /// The documents that hold `bytes`.
    /// - Parameters:
    ///   - owner: the event's document will have this `_id`, in this collection.
    ///   - now: the time, in Unix milliseconds.
    func documents(
        _ bytes: [UInt8], for owner: BSONValue, in collection: StateCollection, now: Int64
    ) -> [BSONDocument] {
        (0..<count).map { index in
            let part = bytes[index * Self.size..<min((index + 1) * Self.size, bytes.count)]
            var writer = BSONWriter(capacity: part.count + 256)
            writer.append("_id", id(index))
            writer.append("of", ["in": collection.bson, "id": owner])
            writer.append("at", date: now)
            writer.append("data", binary: part)
            return writer.finish()
        }
    }

    /// The chunks' identities.
    var ids: [BSONValue] { (0..<count).map(id) }

    private func id(_ index: Int) -> BSONValue {
        ["p": .string(pipeline), "s": .binary(set, subtype: 4), "i": .integer(index)]
    }
}

extension MongoConnection {
    /// Puts the chunks of an event together.
    func document(of chunks: EventChunks, on database: String) throws -> BSONDocument {
        var bytes: [UInt8] = []
        var found = 0
        let command: BSONDocument = [
            "find": StateCollection.chunks.bson, "filter": ["_id": ["$in": .array(chunks.ids)]], "sort": ["_id": 1],
            "batchSize": 1,
        ]
        _ = try all(command, on: database) { view in
            guard let part = try view.value("data")?.binary?.bytes else { return }
            bytes.append(contentsOf: part)
            found += 1
        }
        guard found == chunks.count else {
            throw MongoFailure(
                code: 0, isFromServer: true,
                message: "\(found) of the \(chunks.count) parts of a large event are in "
                    + "\(StateCollection.chunks.rawValue): it was settled meanwhile, or they were removed")
        }
        return try BSONDocument(bytes)
    }
}
