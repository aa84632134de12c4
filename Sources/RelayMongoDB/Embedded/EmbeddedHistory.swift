import RelayCore

/// Reads an aggregate document's array as it was at a moment of the stream.
struct EmbeddedHistory {
    private let connection: MongoConnection
    private let database: String
    private let path: String

    init(_ connection: MongoConnection, database: String, path: String) {
        self.connection = connection
        self.database = database
        self.path = path
    }

    /// The ids of the elements that were in the array right before a write. Empty as well when the server no longer
    /// keeps that time (5 minutes by default): then everything may be new.
    func elementIDs(
        of id: BSONValue, in collection: String, before time: ClusterTime, idPath: String
    ) async throws -> Set<[UInt8]> {
        do {
            let found = try await read(
                id, in: collection, ["level": "snapshot", "atClusterTime": time.previous.bson])
            return Set(
                try found.compactMap { try $0.withUnsafeValue { Self.elementID($0, idPath: idPath) } })
        } catch let failure as MongoFailure where failure.isSnapshotGone {
            return []
        }
    }

    /// The elements that were in the array right after a write; or else those that are there now, with the time of now.
    func elements(
        of id: BSONValue, in collection: String, at time: ClusterTime
    ) async throws -> (elements: [KeptValue], readAt: ClusterTime?) {
        do {
            return (try await read(id, in: collection, ["level": "snapshot", "atClusterTime": time.bson]), nil)
        } catch let failure as MongoFailure where failure.isSnapshotGone {
            let found = try await read(id, in: collection, ["level": "majority"])
            let hello = try await connection.run(["hello": 1], on: "admin").document
            let now = hello[path: "$clusterTime.clusterTime"]?.timestamp ?? hello["operationTime"]?.timestamp
            return (found, now.map { ClusterTime($0) } ?? time)
        }
    }

    private func read(_ id: BSONValue, in collection: String, _ concern: BSONValue) async throws -> [KeptValue] {
        let command: BSONDocument = [
            "find": .string(collection), "filter": ["_id": ["$eq": id]], "limit": 1, "singleBatch": true,
            "projection": .document(BSONDocument([(path, .int32(1))])), "readConcern": concern,
        ]
        let (database, path) = (database, path)
        return try await connection.perform { connection in
            try connection.all(command, on: database, inSession: true) { document in
                try document.value(atPath: path)?.array.map { try KeptValue.elements(of: $0) }
            }
        }.first.flatMap { $0 } ?? []
    }

    /// What identifies an element within its array, as type and bytes; nil when it has no id.
    static func elementID(_ element: BSONRawValue, idPath: String) -> [UInt8]? {
        guard let id = (try? element.document?.value(atPath: idPath)) ?? nil, !id.isNull else { return nil }
        return [id.type.rawValue] + id.bytes
    }
}
