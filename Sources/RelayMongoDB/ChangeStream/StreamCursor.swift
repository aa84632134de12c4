import RelayCore

/// A change stream of one collection, by raw commands: every answer is one batch with its post-batch token.
struct StreamCursor: Sendable {
    /// Where to begin.
    enum Start {
        /// Behind the event of this token.
        case after(token: String)
        /// Behind an invalidate event.
        case afterInvalidate(token: String)
        /// At the first event at or after this time.
        case at(ClusterTime)
    }

    private let connection: MongoConnection
    private let database: String
    private let collection: String
    private(set) var id: Int64 = 0

    /// The stages behind `$changeStream`. Only what an outbox needs crosses the network; users' filters run in
    /// the relay, since narrowing a `$match` past a token's event makes the token unresumable.
    static let operations: [BSONValue] = ["insert", "drop", "rename", "dropDatabase", "invalidate"]

    init(_ connection: MongoConnection, database: String, collection: String) {
        self.connection = connection
        self.database = database
        self.collection = collection
    }

    /// Opens the stream. The answer holds the first batch.
    /// - Parameter passed: an aggregation expression over the change event whose value each event then carries in
    ///   its field `passed`.
    mutating func open(_ start: Start, passed: BSONValue? = nil) async throws -> MongoReply {
        var stage: BSONDocument
        switch start {
        case .after(let token): stage = ["resumeAfter": ["_data": .string(token)]]
        case .afterInvalidate(let token): stage = ["startAfter": ["_data": .string(token)]]
        case .at(let time):
            stage = [
                "startAtOperationTime": .timestamp(BSONTimestamp(seconds: time.seconds, increment: time.increment))
            ]
        }
        var projection: BSONDocument = ["operationType": 1, "clusterTime": 1, "wallTime": 1, "fullDocument": 1]
        if let passed { projection = projection.appending("passed", passed) }
        let reply = try await connection.run(
            [
                "aggregate": .string(collection),
                "pipeline": [
                    ["$changeStream": .document(stage)],
                    ["$match": ["operationType": ["$in": .array(Self.operations)]]],
                    ["$project": .document(projection)],
                ],
                "cursor": ["batchSize": 0],
                "readConcern": ["level": "majority"],
            ], on: database, inSession: true)
        id = reply.document[path: "cursor.id"]?.int64 ?? 0
        return reply
    }

    /// The next batch, or an empty one after `wait`.
    func next(batchSize: Int, wait: Duration) async throws -> MongoReply {
        try await connection.run(
            [
                "getMore": .int64(id), "collection": .string(collection), "batchSize": .integer(batchSize),
                "maxTimeMS": .int64(Int64(wait / .milliseconds(1))),
            ], on: database, inSession: true)
    }

    /// Fetches the next batch while the caller does something else.
    func fetch(batchSize: Int, wait: Duration) -> Task<MongoReply, any Error> {
        Task { try await next(batchSize: batchSize, wait: wait) }
    }

    /// Frees the cursor on the server; what fails there ends by the server's own time-out.
    func close() async {
        guard id != 0 else { return }
        _ = try? await connection.run(
            ["killCursors": .string(collection), "cursors": [.int64(id)]], on: database, inSession: true)
    }
}
