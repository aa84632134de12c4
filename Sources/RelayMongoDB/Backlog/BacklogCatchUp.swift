import RelayCore

/// What the stream between two snapshots owes, while a backlog goes over from one to the next: documents that the scan
/// has passed, and documents that were inserted and are gone again before the later snapshot, which shows them no more.
/// The others the scan at the later snapshot brings.
struct BacklogCatchUp {
    private let connection: MongoConnection
    private let database: String
    /// The one collection that is read; nil where a change event names its own.
    private let collection: String?
    /// The field of a change event with the document's `_id`.
    private let identity: String
    /// The time of the later snapshot: the last that is read.
    let limit: ClusterTime
    /// Says of a change event, on the server, whether its document sorts at or before the cursor.
    let passed: BSONValue

    /// - Parameter backlog: how far the scan has come; before its first document it has passed nothing.
    init(
        _ connection: MongoConnection, database: String, shape: StreamShape, order: BacklogOrder,
        from backlog: BacklogPosition, to limit: ClusterTime
    ) {
        self.connection = connection
        self.database = database
        self.limit = limit
        collection = shape.collection
        identity = shape.identity
        let isBehind = backlog.cursor.flatMap { order.isAtOrBefore($0, in: shape.identity) } ?? ["$literal": false]
        if let current = backlog.collection, collection == nil {
            passed = [
                "$or": [
                    ["$lt": ["$ns.coll", ["$literal": .string(current)]]],
                    ["$and": [["$eq": ["$ns.coll", ["$literal": .string(current)]]], isBehind]],
                ]
            ]
        } else {
            passed = isBehind
        }
    }

    /// Those of an answer's documents, as BSON, that the scan at the later snapshot will bring.
    func stillToCome(of documents: BSONView) async throws -> Set<[UInt8]> {
        var ids: [String: [BSONValue]] = [:]
        var events = documents.elements
        while let event = try events.next()?.value.document {
            guard try event.value("passed")?.bool != true, let document = try event.value(identity)?.document,
                let id = try document.value("_id"), let collection = try collection(of: event)
            else { continue }
            ids[collection, default: []].append(BSONValue(id))
        }
        var found: Set<[UInt8]> = []
        for (collection, ids) in ids { found.formUnion(try await find(ids, in: collection)) }
        return found
    }

    /// The collection of a change event.
    func collection(of event: BSONView) throws -> String? {
        if let collection { return collection }
        return try event.value("ns")?.document?.value("coll")?.string
    }

    private func find(_ ids: [BSONValue], in collection: String) async throws -> [[UInt8]] {
        let command: BSONDocument = [
            "find": .string(collection), "filter": ["_id": ["$in": .array(ids)]], "projection": ["_id": 1],
            "batchSize": .integer(ids.count + 1),
            "readConcern": ["level": "snapshot", "atClusterTime": limit.bson],
        ]
        let database = database
        return try await connection.perform { connection in
            try connection.all(command, on: database, inSession: true) { document in
                try document.value("_id").map { Self.key($0, in: collection) }
            }.compactMap { $0 }
        }
    }

    /// A document's identity: its collection, and its `_id` as type and bytes.
    static func key(_ value: BSONRawValue, in collection: String) -> [UInt8] {
        Array(collection.utf8) + [0, value.type.rawValue] + value.bytes
    }
}
