import RelayCore

/// What commands do with a webhook pipeline's state in MongoDB: they read, and leave requests for the relay that holds
/// the lease.
public struct MongoAdministration: DestinationAdministration {
    let options: MongoStateStore.Options
    private let connection: MongoConnection
    let queries: StateQueries

    /// For the pipeline of `options`.
    public init(_ options: MongoStateStore.Options) {
        self.options = options
        connection = MongoConnection(uri: options.endpoint.uri, name: "mongo-command", socketTimeout: .seconds(30))
        queries = StateQueries(pipeline: options.pipeline)
    }

    var database: String { options.endpoint.stateDatabase }
    var name: BSONValue { .string(options.pipeline) }

    public func letters(limit: Int, includingResolved: Bool) async throws -> [DeadLetterSummary] {
        guard limit > 0 else { return [] }
        let command = queries.deadLetters(limit: limit, includingResolved: includingResolved)
        let (database, pipeline) = (database, options.pipeline)
        return try await call("listing dead letters") { connection in
            try connection.all(command, on: database) { try BSONDocument(copying: $0).summary(of: pipeline) }
        }
    }

    public func letter(_ id: Int64) async throws -> DeadLetterSummary? {
        let (database, pipeline) = (database, options.pipeline)
        let command = queries.deadLetter(id)
        return try await call("reading a dead letter") { connection in
            guard let found = try connection.first(command, on: database) else { return nil }
            let chunks = try found.withView { try EventChunks($0, pipeline: pipeline) }
            let large = try chunks.map { try connection.document(of: $0, on: database) }
            return found.summary(of: pipeline, with: large ?? [:])
        }
    }

    public func waitingIDs() async throws -> [Int64] {
        let database = database
        let command = queries.waitingIDs()
        return try await call("listing dead letters") { connection in
            try connection.all(command, on: database) { try $0.value("_id")?.document?.value("n")?.int64 }
        }.compactMap { $0 }
    }

    public func request(_ kind: RelayRequest.Kind, within timeout: Duration) async throws -> RequestAnswer {
        switch kind {
        case .retryDeadLetters(let ids), .discardDeadLetters(let ids):
            if ids.count > IDRanges.most {
                throw RelayError(
                    .configuration, "one request takes at most \(IDRanges.most) dead letters, these are \(ids.count)")
            }
        default: break
        }
        let id = Int64.random(in: 1 ... .max)
        try await leave(id, kind, within: timeout)
        let end = ContinuousClock.now + timeout
        // What makes progress is waited for.
        var (progress, limit) = (String?.none, end + .seconds(300))
        while true {
            let found = try await request(id)
            let state = found?["state"]?.string
            if let found, state == "done" || state == "failed" {
                return StoredRequest.answer(found) ?? RequestAnswer(succeeded: state == "done", message: state ?? "")
            }
            if let new = found?["progress"]?.string, new != progress { (progress, limit) = (new, .now + .seconds(300)) }
            if found == nil || ContinuousClock.now >= limit { break }
            // What was begun is waited for longer; what was not, nobody may begin from now on.
            if ContinuousClock.now >= end, try await withdraw(id) { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Self.unanswered(pipeline: options.pipeline, within: timeout)
    }

    private func leave(_ id: Int64, _ kind: RelayRequest.Kind, within timeout: Duration) async throws {
        let fields = [("p", name)] + StoredRequest.fields(kind) + [("state", "pending")]
        // Texts of people are no expressions.
        let literals = fields.map { ($0.0, BSONValue.document(["$literal": $0.1])) }
        let times: [(String, BSONValue)] = [
            ("createdAt", "$$NOW"), ("expiresAt", ["$add": ["$$NOW", .int64(MongoStateStore.milliseconds(timeout))]]),
        ]
        let database = database
        let command: BSONDocument = [
            "update": StateCollection.requests.bson,
            "updates": [
                [
                    "q": ["_id": .int64(id), "state": ["$exists": false]],
                    "u": [["$set": .document(BSONDocument(literals + times))]], "upsert": true,
                ]
            ], "writeConcern": MongoStateStore.majority,
        ]
        try await call("leaving a request") { _ = try $0.write(command, on: database) }
    }

    private func request(_ id: Int64) async throws -> BSONDocument? {
        let database = database
        return try await call("waiting for an answer") {
            try $0.first(
                [
                    "find": StateCollection.requests.bson, "filter": ["_id": .int64(id)], "limit": 1,
                    "singleBatch": true, "projection": ["state": 1, "answer": 1, "progress": 1],
                ], on: database)
        }
    }

    /// True when nobody has begun it, and nobody will.
    private func withdraw(_ id: Int64) async throws -> Bool {
        let database = database
        return try await call("withdrawing a request") {
            try $0.write(
                [
                    "update": StateCollection.requests.bson,
                    "updates": [
                        [
                            "q": ["_id": .int64(id), "state": ["$in": ["pending", "expired"]]],
                            "u": ["$set": ["state": "expired"], "$currentDate": ["finishedAt": true]],
                        ]
                    ], "writeConcern": MongoStateStore.majority,
                ], on: database)["n"]?.int == 1
        }
    }

    func call<Answer: Sendable>(
        _ what: String, _ body: @escaping @Sendable (isolated MongoConnection) throws -> Answer
    ) async throws -> Answer {
        do {
            return try await connection.perform(body)
        } catch {
            throw StateFailure.described(error, doing: what, database: database)
        }
    }
}

extension StateQueries {
    /// The newest dead letters, without what may be large.
    package func deadLetters(limit: Int, includingResolved: Bool) -> BSONDocument {
        let projection: BSONValue = ["document": 0, "documentText": 0, "payload": 0, "headers": 0]
        let filter: BSONDocument =
            includingResolved
            ? ["_id": ["$gt": ["p": name], "$lt": ["p": name, "n": Self.greatest]]] : ["_id.p": name, "state": "dead"]
        return [
            "find": StateCollection.deadLetters.bson, "filter": .document(filter),
            "sort": includingResolved ? ["_id": -1] : ["_id.n": -1], "limit": .integer(limit),
            "projection": projection,
        ]
    }

    /// The ids of all that wait.
    package func waitingIDs() -> BSONDocument {
        [
            "find": StateCollection.deadLetters.bson, "filter": ["_id.p": name, "state": "dead"],
            "sort": ["_id.n": 1], "projection": ["_id": 1], "batchSize": 100_000,
        ]
    }

    fileprivate func deadLetter(_ id: Int64) -> BSONDocument {
        [
            "find": StateCollection.deadLetters.bson, "filter": ["_id": letterID(id)], "limit": 1, "singleBatch": true,
        ]
    }
}
