import RelayCore

/// What the stream between two snapshots owes, while a backlog goes over from one to the next: documents that the scan
/// has passed, and documents that were inserted and are gone again before the later snapshot, which shows them no more.
/// The others the scan at the later snapshot brings.
struct BacklogCatchUp {
    private let connection: MongoConnection
    private let endpoint: MongoEndpoint
    /// The time of the later snapshot: the last that is read.
    let limit: ClusterTime
    /// Says of a change event, on the server, whether its document sorts at or before the cursor.
    let passed: BSONValue

    /// - Parameter cursor: how far the scan has come; nil when it has not begun, so that it has passed nothing.
    init(
        _ connection: MongoConnection, endpoint: MongoEndpoint, order: BacklogOrder, cursor: String?,
        to limit: ClusterTime
    ) {
        self.connection = connection
        self.endpoint = endpoint
        self.limit = limit
        passed = cursor.flatMap { order.isAtOrBefore($0) } ?? ["$literal": false]
    }

    /// The ids, as BSON, of those of an answer's documents that the scan at the later snapshot will bring.
    func stillToCome(of documents: BSONView) async throws -> Set<[UInt8]> {
        var ids: [BSONValue] = []
        var events = documents.elements
        while let event = try events.next()?.value.document {
            guard try event.value("passed")?.bool != true, let document = try event.value("fullDocument")?.document,
                let id = try document.value("_id")
            else { continue }
            ids.append(BSONValue(id))
        }
        if ids.isEmpty { return [] }
        var found: Set<[UInt8]> = []
        var reply = try await connection.run(
            [
                "find": .string(endpoint.collection), "filter": ["_id": ["$in": .array(ids)]], "projection": ["_id": 1],
                "batchSize": .integer(ids.count + 1),
                "readConcern": ["level": "snapshot", "atClusterTime": limit.bson],
            ], on: endpoint.database, inSession: true)
        while true {
            let answer = try StreamBatch(reply.unsafeView())
            var documents = answer.documents.elements
            while let document = try documents.next()?.value.document {
                if let id = try document.value("_id") { found.insert(Self.key(id)) }
            }
            let cursor = answer.cursorID
            withExtendedLifetime(reply) {}
            if cursor == 0 { return found }
            reply = try await connection.run(
                ["getMore": .int64(cursor), "collection": .string(endpoint.collection)], on: endpoint.database,
                inSession: true)
        }
    }

    /// A value as its type and bytes.
    static func key(_ value: BSONRawValue) -> [UInt8] { [value.type.rawValue] + value.bytes }
}
