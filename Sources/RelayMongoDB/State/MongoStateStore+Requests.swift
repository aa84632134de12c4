import RelayCore

/// What commands ask: documents that they leave and that the lease's holder takes and answers.
extension MongoStateStore {
    public func pendingRequests() async throws -> [RelayRequest] {
        guard let grant = grant.withLock({ $0 }) else { return [] }
        let (database, queries) = (database, queries)
        return try await call(control, doing: "looking for requests", within: .seconds(5)) { connection in
            var open: [Int64] = []
            for delivering in [false, true] {
                let query = queries.openRequests(limit: 10, delivering: delivering).appending("maxTimeMS", 4000)
                open += try connection.all(query, on: database) { try $0.value("_id")?.integral }.compactMap { $0 }
            }
            // Nothing is written while nobody asks for anything.
            if open.isEmpty { return [] }
            return try connection.take(open, epoch: grant.epoch, on: database)
        }
    }

    public func answer(_ request: RelayRequest, _ answer: RequestAnswer) async throws {
        guard let grant = grant.withLock({ $0 }) else { return }
        let (database, name) = (database, pipeline)
        try await call(control, doing: "answering a request", within: .seconds(10)) {
            _ = try $0.write(
                [
                    "update": StateCollection.requests.bson,
                    "updates": [
                        [
                            "q": [
                                "_id": .int64(request.id), "p": name, "state": "running", "epoch": .int64(grant.epoch),
                            ],
                            "u": [
                                "$set": [
                                    "state": answer.succeeded ? "done" : "failed", "answer": StoredRequest.bson(answer),
                                ], "$currentDate": ["finishedAt": true],
                            ],
                        ]
                    ], "maxTimeMS": 5000, "writeConcern": Self.majority,
                ], on: database)
        }
    }

    public func setPaused(_ reason: String?, request: RelayRequest) async throws {
        guard let grant = grant.withLock({ $0 }) else { throw StateFailure.fenced }
        let (database, name) = (database, pipeline)
        let change = reason.map { Self.pausing($0) } ?? Self.resuming
        // Not the revision: what is being settled meanwhile goes on.
        try await call(control, doing: reason == nil ? "resuming" : "pausing", within: .seconds(10)) {
            let reply = try $0.write(
                [
                    "update": StateCollection.checkpoints.bson,
                    "updates": [
                        [
                            "q": ["_id": name, "owner": .string(grant.owner), "epoch": .int64(grant.epoch)],
                            "u": change,
                        ]
                    ], "maxTimeMS": 5000, "writeConcern": Self.majority,
                ], on: database)
            if reply["n"]?.int != 1 { throw StateFailure.fenced }
        }
        try await answer(
            request, RequestAnswer(succeeded: true, message: reason == nil ? "resumed" : "paused", count: 1))
    }

    private static func pausing(_ reason: String) -> BSONValue {
        let since: BSONValue = ["$ifNull": ["$pausedAt", "$$NOW"]]
        return [["$set": ["paused": ["$literal": .string(reason)], "pausedAt": since]]]
    }

    /// The time that it was paused does not count against `DESTINATION_RETRY_FOR`.
    private static var resuming: BSONValue {
        let paused: BSONValue = ["$subtract": ["$$NOW", ["$ifNull": ["$pausedAt", "$$NOW"]]]]
        let stopped: BSONValue = [
            "$add": [["$ifNull": ["$stoppedMilliseconds", .int64(0)]], ["$max": [.int64(0), paused]]]
        ]
        return [["$set": ["stoppedMilliseconds": stopped]], ["$unset": ["paused", "pausedAt"]]]
    }
}

extension MongoConnection {
    /// Begins requests, or goes on with what a former holder or this one has begun. What nobody waits for any more is
    /// not begun.
    fileprivate func take(_ open: [Int64], epoch: Int64, on database: String) throws -> [RelayRequest] {
        let ids: BSONValue = ["$in": .array(open.map { .int64($0) })]
        let isOver: BSONValue = ["$lte": ["$expiresAt", "$$NOW"]]
        try write(
            [
                "update": StateCollection.requests.bson,
                "updates": [
                    [
                        "q": [
                            "_id": ids, "$expr": isOver,
                            // What has made progress goes on whoever leads.
                            "progress": ["$exists": false],
                            "$or": [["state": "pending"], ["state": "running", "epoch": ["$lt": .int64(epoch)]]],
                        ],
                        "u": ["$set": ["state": "expired"], "$currentDate": ["finishedAt": true]], "multi": true,
                    ],
                    [
                        "q": [
                            "_id": ids,
                            "$or": [["state": "pending"], ["state": "running", "epoch": ["$lte": .int64(epoch)]]],
                        ],
                        "u": ["$set": ["state": "running", "epoch": .int64(epoch)]], "multi": true,
                    ],
                ], "maxTimeMS": 4000, "writeConcern": MongoStateStore.majority,
            ], on: database)
        return try all(
            [
                "find": StateCollection.requests.bson,
                "filter": ["_id": ids, "state": "running", "epoch": .int64(epoch)],
                "sort": ["createdAt": 1, "_id": 1],
            ], on: database
        ) { try StoredRequest.read($0) }.compactMap { $0 }
    }
}
