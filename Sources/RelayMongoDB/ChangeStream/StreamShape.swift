import RelayCore

/// What a source asks of a change stream.
struct StreamShape: Sendable {
    /// Whose changes are read.
    enum Watched: Sendable, Equatable {
        /// One collection; its end invalidates the stream.
        case one(String)
        /// Several collections of the database, by a stream of the whole database.
        case several([String])
        /// All collections but the relay's own, the system's, and these.
        case all(excluding: [String])
    }

    var watched: Watched
    /// Operations on documents that are wanted, of `insert`, `update`, `replace` and `delete`.
    var operations: [String]
    /// Options of the stage `$changeStream`: images.
    var options: BSONDocument = [:]
    /// Whether the document comes along.
    var hasDocument = true
    /// Fields of a change event that are wanted beside ``common``.
    var fields: [String] = []
    /// The field of a change event whose value identifies its document: `documentKey`, or `fullDocument` where only
    /// inserts are read.
    var identity = "fullDocument"

    /// Fields that every source reads.
    static let common = ["_id", "operationType", "clusterTime", "fullDocument", "passed", "wallTime"]

    /// What ends a collection or the stream.
    static let endings = ["drop", "rename", "dropDatabase", "invalidate"]

    /// The collection a stream is opened on; nil for the whole database.
    var collection: String? { if case .one(let name) = watched { name } else { nil } }

    /// The same with as little as a change event can have, for one that is too large for an answer.
    var truncated: StreamShape {
        var shape = self
        shape.options = [:]
        shape.hasDocument = false
        shape.fields = fields.filter { $0 != "updateDescription" && $0 != "fullDocumentBeforeChange" }
        return shape
    }

    /// The stages behind `$changeStream`. Only what is needed crosses the network; users' filters run in the relay,
    /// since narrowing a `$match` past a token's event makes the token unresumable.
    func stages(passed: BSONValue?) -> [BSONValue] {
        var match: BSONDocument = ["operationType": ["$in": .array((operations + Self.endings).map { .string($0) })]]
        switch watched {
        case .one: break
        case .several(let names):
            match = match.appending(
                "$or",
                [
                    ["operationType": ["$in": ["dropDatabase", "invalidate"]]],
                    ["ns.coll": ["$in": .array(names.map { .string($0) })]],
                ])
        case .all(let excluded):
            var names: BSONDocument = ["$not": ["$regex": "^(outbox_relay_|system\\.)"]]
            // An empty list is more than the server's optimizer can take.
            if !excluded.isEmpty { names = names.appending("$nin", .array(excluded.map { .string($0) })) }
            match = match.appending("ns.coll", .document(names))
        }
        var projection = BSONDocument(
            (Self.common + fields).filter { $0 != "passed" && (hasDocument || $0 != "fullDocument") }.map {
                ($0, .int32(1))
            })
        if let passed { projection = projection.appending("passed", passed) }
        return [["$match": .document(match)], ["$project": .document(projection)]]
    }
}
