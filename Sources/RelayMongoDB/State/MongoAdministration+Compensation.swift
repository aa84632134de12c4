import Crypto
import RelayCore

extension MongoAdministration {
    public func uncompensated(limit: Int) async throws -> [UncompensatedLetter] {
        let (database, pipeline) = (database, options.pipeline)
        let command = queries.uncompensated(limit: limit)
        return try await call("looking for dead letters to compensate") { connection in
            let found = try connection.all(command, on: database) { view in
                (try BSONDocument(copying: view), try EventChunks(view, pipeline: pipeline))
            }
            return try found.map { document, chunks in
                let large = try chunks.map { try connection.document(of: $0, on: database) }
                return try document.withView { try UncompensatedLetter($0, large: large) }
            }
        }
    }

    public func markCompensated(_ ids: [Int64]) async throws {
        let (database, queries) = (database, queries)
        try await call("marking dead letters as compensated") {
            _ = try $0.write(
                [
                    "update": StateCollection.deadLetters.bson,
                    "updates": [
                        [
                            "q": ["_id": ["$in": .array(ids.map { queries.letterID($0) })]],
                            "u": ["$currentDate": ["compensatedAt": true]], "multi": true,
                        ]
                    ], "writeConcern": MongoStateStore.majority,
                ], on: database)
        }
    }

    public func leave(_ kind: RelayRequest.Kind, identity: String) async throws {
        // The id is the identity: left again, it is the same request.
        let hash = SHA256.hash(data: Array("\(options.pipeline)\u{0}\(identity)".utf8))
        let id = Int64(bitPattern: hash.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } >> 1) | 1
        let fields = [("p", name)] + StoredRequest.fields(kind) + [("state", "pending")]
        let literals = fields.map { ($0.0, BSONValue.document(["$literal": $0.1])) }
        let database = database
        let set: [(String, BSONValue)] = literals + [("createdAt", "$$NOW"), ("expiresAt", .date(253_402_300_799_000))]
        // A pipeline that changes nothing where the request is there already, whatever became of it.
        let keep: BSONValue = [
            "$cond": [["$eq": [["$type": "$state"], "missing"]], .document(BSONDocument(set)), .document([:])]
        ]
        try await call("leaving a request") {
            _ = try $0.write(
                [
                    "update": StateCollection.requests.bson,
                    "updates": [
                        [
                            "q": ["_id": .int64(id)],
                            "u": [["$replaceWith": ["$mergeObjects": ["$$ROOT", keep]]]], "upsert": true,
                        ]
                    ], "writeConcern": MongoStateStore.majority,
                ], on: database)
        }
    }
}

extension UncompensatedLetter {
    /// A dead letter as it is stored.
    fileprivate init(_ view: BSONView, large: BSONDocument?) throws {
        self.init(
            id: try view.value("_id")?.document?.value("n")?.int64 ?? 0,
            reasonCode: try view.value("reasonCode")?.string ?? "", reason: try view.value("reason")?.string ?? "",
            attempts: Int(try view.value("attempts")?.integral ?? 0),
            event: try StoredEvent.read(view, large: large, position: try view.value("position")?.int64 ?? 0))
        createdAt = try view.value("createdAt")?.date
        firstAttempt = try view.value("firstAttemptAt")?.date
        lastAttempt = try view.value("lastAttemptAt")?.date
    }
}

extension StateQueries {
    /// Dead letters that were not handed on for compensation, oldest first.
    package func uncompensated(limit: Int) -> BSONDocument {
        [
            "find": StateCollection.deadLetters.bson,
            "filter": ["_id.p": name, "compensatedAt": nil, "state": ["$ne": "retried"]], "sort": ["_id.n": 1],
            "limit": .integer(limit), "batchSize": .integer(limit),
            "readConcern": ["level": "majority"],
        ]
    }
}
