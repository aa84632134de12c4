import RelayCore

/// A change stream of one collection or a database, by raw commands: every answer is one batch with its post-batch token.
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
    private let shape: StreamShape
    private(set) var id: Int64 = 0

    init(_ connection: MongoConnection, database: String, shape: StreamShape) {
        self.connection = connection
        self.database = database
        self.shape = shape
    }

    /// What later commands on the cursor have to call its collection.
    private var name: String { shape.collection ?? "$cmd.aggregate" }

    /// Opens the stream. The answer holds the first batch.
    /// - Parameters:
    ///   - passed: an aggregation expression over the change event whose value each event then carries in its field
    ///     `passed`.
    ///   - truncated: whether events come without what makes them large.
    mutating func open(_ start: Start, passed: BSONValue? = nil, truncated: Bool = false) async throws -> MongoReply {
        let shape = truncated ? shape.truncated : shape
        var stage: BSONDocument
        switch start {
        case .after(let token): stage = ["resumeAfter": ["_data": .string(token)]]
        case .afterInvalidate(let token): stage = ["startAfter": ["_data": .string(token)]]
        case .at(let time):
            stage = [
                "startAtOperationTime": .timestamp(BSONTimestamp(seconds: time.seconds, increment: time.increment))
            ]
        }
        for (name, value) in shape.options.fields { stage = stage.appending(name, value) }
        let reply = try await connection.run(
            [
                "aggregate": shape.collection.map { .string($0) } ?? 1,
                "pipeline": .array(
                    [["$changeStream": .document(stage)]] + shape.stages(passed: passed)),
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
                "getMore": .int64(id), "collection": .string(name), "batchSize": .integer(batchSize),
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
            ["killCursors": .string(name), "cursors": [.int64(id)]], on: database, inSession: true)
    }
}
