import Foundation
import RelayCore

/// What keeps the state in order, beside everything else.
extension MongoStateStore {
    public func maintain() async throws {
        try await dropOldRequests()
        // The counters are exact unless a person changed documents by hand.
        let isDue = lastRecount.withLock { $0.map { $0.duration(to: .now) >= .seconds(3600) } ?? true }
        guard isDue, let grant = grant.withLock({ $0 }) else { return }
        try await recount(grant)
        lastRecount.withLock { $0 = .now }
    }

    /// Forgets answered requests after a month. Dead letters stay on record, whatever became of them.
    private func dropOldRequests() async throws {
        let (database, name) = (database, pipeline)
        let monthAgo = Int64((Date().timeIntervalSince1970 - 30 * 86_400) * 1000)
        try await call(upkeep, doing: "dropping old requests") {
            _ = try $0.write(
                [
                    "delete": StateCollection.requests.bson,
                    "deletes": [
                        [
                            "q": [
                                "p": name, "state": ["$in": ["done", "failed", "expired"]],
                                "createdAt": ["$lt": .date(monthAgo)],
                            ], "limit": 0,
                        ]
                    ], "maxTimeMS": 10_000,
                ], on: database)
        }
    }

    /// Compares what is parked with its counters, at one moment, and corrects them by the difference: whatever is
    /// settled meanwhile stays counted.
    func recount(_ grant: LeaseGrant) async throws {
        let (database, name) = (database, pipeline)
        let changed = try await call(upkeep, doing: "counting what is parked") { connection -> BSONDocument? in
            let snapshot = try connection.run(
                [
                    "find": StateCollection.checkpoints.bson, "filter": ["_id": name], "limit": 1, "singleBatch": true,
                    "readConcern": ["level": "snapshot"], "maxTimeMS": 10_000,
                ], on: database, inSession: true
            ).document
            guard let document = snapshot[path: "cursor.firstBatch.0"]?.document,
                let time = snapshot[path: "cursor.atClusterTime"]?.timestamp
            else { return nil }
            var drift: [(String, BSONValue)] = []
            for (field, collection, filter) in Self.counters(name) {
                let counted = try connection.first(
                    [
                        "aggregate": collection.bson, "pipeline": [["$match": filter], ["$count": "n"]],
                        "cursor": .document([:]), "maxTimeMS": 45_000,
                        "readConcern": ["level": "snapshot", "atClusterTime": .timestamp(time)],
                    ], on: database, inSession: true)?["n"]?.int64 ?? 0
                let known = document[field]?.int64 ?? 0
                if counted != known { drift.append((field, .int64(counted - known))) }
            }
            if drift.isEmpty { return nil }
            let difference = BSONDocument(drift)
            try connection.write(
                [
                    "update": StateCollection.checkpoints.bson,
                    "updates": [
                        [
                            "q": ["_id": name, "owner": .string(grant.owner), "epoch": .int64(grant.epoch)],
                            "u": ["$inc": .document(difference)],
                        ]
                    ], "maxTimeMS": 5000, "writeConcern": Self.majority,
                ], on: database)
            return difference
        }
        guard let changed else { return }
        if let large = changed["largeEvents"]?.int64 { writer.withLock { $0?.large += large } }
        logger.warning(
            "the counters of what is parked were wrong, as after a change by hand; corrected them",
            metadata: ["fields": "\(changed.fields.map { "\($0.key) \($0.value.int64 ?? 0)" }.joined(separator: ", "))"])
    }

    /// What each counter counts.
    private static func counters(_ name: BSONValue) -> [(String, StateCollection, BSONValue)] {
        let parked = BSONValue.string(EventChunks.Owner.parked.rawValue)
        return [
            ("parkedKeys", .parkedKeys, ["_id.p": name]), ("parkedEvents", .parked, ["_id.p": name]),
            (
                "largeEvents", .chunks,
                [
                    "_id": [
                        "$gt": ["p": name, "c": parked], "$lt": ["p": name, "c": parked, "n": .other(.maxKey, [])],
                    ], "_id.i": 0,
                ]
            ),
        ]
    }
}
