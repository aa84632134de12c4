import RelayCore

/// How far the oplog reaches, where the user may look at it (`find` on `local.oplog.rs`).
struct OplogWindow {
    var oldest: ClusterTime
    var newest: ClusterTime

    /// Its length in seconds.
    var seconds: Double { Double(newest.seconds) - Double(oldest.seconds) }

    /// Reads both ends; nil without the privilege, or where there is no oplog to be seen (`mongos`).
    static func read(_ connection: MongoConnection) async throws -> OplogWindow? {
        func end(_ direction: BSONValue) async throws -> ClusterTime? {
            try await connection.run(
                [
                    "find": "oplog.rs", "sort": ["$natural": direction], "limit": 1, "singleBatch": true,
                    "projection": ["ts": 1],
                ], on: "local"
            ).document[path: "cursor.firstBatch.0.ts"]?.timestamp.map { ClusterTime($0) }
        }
        do {
            guard let oldest = try await end(1), let newest = try await end(-1) else { return nil }
            return OplogWindow(oldest: oldest, newest: newest)
        } catch let failure as MongoFailure where failure.isFromServer {
            return nil
        }
    }

    /// Whether it drops its oldest entries for new ones; true without the privilege `collStats` to see it.
    static func isFull(_ connection: MongoConnection) async -> Bool {
        let stats = try? await connection.run(
            [
                "aggregate": "oplog.rs", "pipeline": [["$collStats": ["storageStats": .document([:])]]],
                "cursor": .document([:]), "maxTimeMS": 2000,
            ], on: "local"
        ).document[path: "cursor.firstBatch.0.storageStats"]?.document
        guard let size = stats?["size"]?.int64, let most = stats?["maxSize"]?.int64 else { return true }
        return size >= most / 10 * 9
    }
}
