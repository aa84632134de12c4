import RelayMongoDB

/// The outbox collection itself: filling it for a backlog, and reading what is in it.
package struct Outbox: Sendable {
    private let uri: String
    private let database: String
    private let collection: String

    package init(uri: String, database: String = "shop", collection: String = "outbox") {
        self.uri = uri
        self.database = database
        self.collection = collection
    }

    /// Inserts events in large batches and without transactions, one for each key.
    /// - Parameters:
    ///   - count: how many.
    ///   - bytes: about how large each is; 360 at least.
    ///   - keyPrefix: in front of each key's number.
    /// - Throws: `MongoFailure`, or ``TestingError`` when MongoDB did not take them all.
    package func load(count: Int, bytes: Int = 400, keyPrefix: String = "backlog-") async throws {
        let connection = MongoConnection(uri: uri, name: "bulk-load", socketTimeout: .seconds(60))
        let filling = max(0, bytes - 360)
        // Batches of at most 4 MB: the server takes 48 MB at once, but its cache here is small.
        let batch = max(1, min(5000, 4_000_000 / max(bytes, 1)))
        var done = 0
        while done < count {
            let documents = (done..<min(done + batch, count)).map { number in
                BSONValue.document(
                    ShopEvent.document(id: ObjectIDs.next(), key: "\(keyPrefix)\(number)", n: 1, filling: filling))
            }
            let reply = try await connection.run(
                ["insert": .string(collection), "documents": .array(documents), "ordered": false], on: database
            ).document
            guard reply["n"]?.int == documents.count else {
                throw TestingError("MongoDB took \(reply["n"]?.int ?? 0) of \(documents.count) documents")
            }
            done += documents.count
        }
    }

    /// Everything that is in the outbox, as a majority sees it: what was committed, whoever knew of it.
    /// - Throws: `MongoFailure`.
    package func committed() async throws -> [CommittedEvent] {
        let connection = MongoConnection(uri: uri, name: "outbox", socketTimeout: .seconds(60))
        var events: [CommittedEvent] = []
        var reply = try await connection.run(
            [
                "find": .string(collection), "projection": ["aggregateid": 1, "payload.n": 1], "batchSize": 10000,
                "readConcern": ["level": "majority"],
            ], on: database
        ).document
        while let cursor = reply["cursor"]?.document {
            for value in (cursor["firstBatch"] ?? cursor["nextBatch"])?.array ?? [] {
                guard let event = value.document, let id = event["_id"]?.objectID else { continue }
                events.append(
                    CommittedEvent(
                        id: id.description, key: event["aggregateid"]?.string ?? id.description,
                        n: event[path: "payload.n"]?.int ?? 0, committedAt: nil))
            }
            guard let id = cursor["id"]?.int64, id != 0 else { break }
            reply = try await connection.run(
                ["getMore": .int64(id), "collection": .string(collection), "batchSize": 10000], on: database
            ).document
        }
        return events
    }
}
