/// What of an event has no room in its document, cut into documents of its own: an event near 16 MiB is stored like
/// any other.
struct EventChunks: Sendable {
    /// Whose chunks they are.
    enum Owner: String, Sendable {
        case parked = "parked"
        case deadLetter = "dead-letter"
    }

    /// The largest chunk, in bytes.
    static let size = 8 << 20

    let pipeline: String
    let owner: Owner
    /// Position and hash of a parked event; number and 0 of a dead letter.
    let number: Int64
    let hash: Int64
    /// How many there are.
    let count: Int

    /// How many chunks so many bytes make.
    static func count(_ bytes: Int) -> Int { (bytes + size - 1) / size }

    /// The chunks of a stored event; nil when it has none.
    static func of(_ view: BSONView, _ owner: Owner, _ pipeline: String) throws -> EventChunks? {
        guard let count = try view.value("chunks")?.int32, let id = try view.value("_id")?.document else { return nil }
        return EventChunks(
            pipeline: pipeline, owner: owner, number: try id.value("n")?.int64 ?? 0,
            hash: try id.value("h")?.int64 ?? 0, count: Int(count))
    }

    /// The documents that hold `bytes`, one after another.
    func documents(_ bytes: [UInt8]) -> [BSONDocument] {
        (0..<count).map { index in
            var writer = BSONWriter(capacity: min(Self.size, bytes.count) + 256)
            writer.append("_id", document: id(index))
            writer.append("data", binary: bytes[index * Self.size..<min((index + 1) * Self.size, bytes.count)])
            return writer.finish()
        }
    }

    /// The chunks' identities.
    var ids: [BSONValue] { (0..<count).map { .document(id($0)) } }

    /// What finds the chunks in their order, one at a time.
    var find: BSONDocument {
        [
            "find": StateCollection.chunks.bson, "filter": ["_id": ["$in": .array(ids)]], "sort": ["_id": 1],
            "batchSize": 1,
        ]
    }

    private func id(_ index: Int) -> BSONDocument {
        [
            "p": .string(pipeline), "c": .string(owner.rawValue), "n": .int64(number), "h": .int64(hash),
            "i": .integer(index),
        ]
    }
}

extension MongoConnection {
    /// Puts the chunks of an event together.
    func document(of chunks: EventChunks, on database: String) throws -> BSONDocument {
        var bytes: [UInt8] = []
        var found = 0
        _ = try all(chunks.find, on: database) { view in
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
