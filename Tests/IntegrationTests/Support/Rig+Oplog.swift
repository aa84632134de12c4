import RelayMongoDB
import RelayTesting

extension MongoOptions {
    /// A server with an oplog that is soon full, and checkpoints often: the oplog is cut behind the last one.
    static var shortOplog: MongoOptions {
        var options = MongoOptions()
        options.oplogMegabytes = 8
        options.arguments = ["--syncdelay", "1"]
        return options
    }
}

extension Rig {
    /// The time of the oldest entry that the oplog still holds.
    func oldestInOplog() async throws -> BSONTimestamp? {
        try await servers.mongo.connect().run(
            ["find": "oplog.rs", "sort": ["$natural": 1], "limit": 1, "singleBatch": true], on: "local"
        ).document[path: "cursor.firstBatch.0.ts"]?.timestamp
    }
}
