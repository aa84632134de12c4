import RelayCore

extension MongoStateStore {
    public func deadLetterCount() async throws -> Int {
        let database = database
        let command = queries.deadLetterCount().appending("maxTimeMS", 30_000)
        return try await call(upkeep, doing: "counting dead letters") {
            try $0.run(command, on: database).document["n"]?.int ?? 0
        }
    }

    public func waitingDeadLetters(_ ids: [Int64]) async throws -> [StoredDeadLetter] {
        let (database, pipeline) = (database, options.pipeline)
        var letters: [StoredDeadLetter] = []
        for part in ids.parts(of: 1000) {
            let command = queries.waitingDeadLetters(Array(part)).appending("readConcern", readConcern)
            letters += try await call(reads, doing: "reading dead letters") { connection in
                let found = try connection.all(command, on: database) { view in
                    (try BSONDocument(copying: view), try EventChunks(view, pipeline: pipeline))
                }
                return try found.map { document, chunks in
                    let large = try chunks.map { try connection.document(of: $0, on: database) }
                    let id = document[path: "_id.n"]?.int64 ?? 0
                    return try document.withView { try StoredDeadLetterDocument.read($0, id: id, large: large) }
                }
            }
        }
        return letters.sorted { $0.id < $1.id }
    }
}
