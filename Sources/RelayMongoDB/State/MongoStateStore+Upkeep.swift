import Foundation
import RelayCore

/// What keeps the state in order, beside everything else.
extension MongoStateStore {
    public func maintain() async throws {
        try await readClock(upkeep)
        try await dropOldRequests()
        let isDue = lastRecount.withLock { $0.map { $0.duration(to: .now) >= .seconds(3600) } ?? true }
        guard isDue, let grant = grant.withLock({ $0 }) else { return }
        try await recount(grant)
        try await dropLostChunks()
        lastRecount.withLock { $0 = .now }
    }

    /// Forgets answered requests after a month. Dead letters stay on record, whatever became of them.
    private func dropOldRequests() async throws {
        let (database, name) = (database, pipeline)
        let monthAgo = Self.milliseconds(since: .seconds(30 * 86_400))
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
    /// settled meanwhile stays counted. They are exact unless a person changed documents by hand.
    private func recount(_ grant: LeaseGrant) async throws {
        let (database, name) = (database, pipeline)
        let drift = try await call(upkeep, doing: "counting what is parked") { connection in
            let drift = try connection.drift(of: name, on: database)
            if drift.isEmpty { return drift }
            try connection.write(
                [
                    "update": StateCollection.checkpoints.bson,
                    "updates": [
                        [
                            "q": ["_id": name, "owner": .string(grant.owner), "epoch": .int64(grant.epoch)],
                            "u": ["$inc": .document(drift)],
                        ]
                    ], "maxTimeMS": 5000, "writeConcern": Self.majority,
                ], on: database)
            return drift
        }
        if drift.isEmpty { return }
        let changes = drift.fields.map { "\($0.key) \($0.value.int64 ?? 0)" }
        logger.warning(
            "the counters of what is parked were wrong, as after a change by hand; corrected them",
            metadata: ["changes": "\(changes.joined(separator: ", "))"])
    }

    /// Removes chunks that no event refers to: of writes that did not come to an end.
    private func dropLostChunks() async throws {
        let (database, name, pipeline) = (database, pipeline, options.pipeline)
        // Those of a write that is under way are younger.
        let hourAgo = Self.milliseconds(since: .seconds(3600))
        var last: BSONValue = ["p": name]
        while true {
            try Task.checkCancellation()
            let after = last
            let next = try await call(upkeep, doing: "looking for chunks without an event") { connection in
                try connection.dropLostChunks(of: pipeline, after: after, before: hourAgo, on: database)
            }
            guard let next else { return }
            last = next
        }
    }

    private static func milliseconds(since duration: Duration) -> Int64 {
        Int64(Date().timeIntervalSince1970 * 1000) - milliseconds(duration)
    }
}

extension MongoConnection {
    /// By how much the counters of what is parked are wrong, at one moment.
    fileprivate func drift(of name: BSONValue, on database: String) throws -> BSONDocument {
        let snapshot = try run(
            [
                "find": StateCollection.checkpoints.bson, "filter": ["_id": name], "limit": 1, "singleBatch": true,
                "readConcern": ["level": "snapshot"], "maxTimeMS": 10_000,
            ], on: database, inSession: true
        ).document
        guard let document = snapshot[path: "cursor.firstBatch.0"]?.document,
            let time = snapshot[path: "cursor.atClusterTime"]?.timestamp
        else { return [:] }
        var drift: BSONDocument = [:]
        let counts: [(String, StateCollection, BSONValue)] = [
            ("parkedKeys", .parkedKeys, 1), ("parkedEvents", .parked, 1), ("parkedBytes", .parked, "$size"),
        ]
        for (field, collection, amount) in counts {
            let counted = try first(
                [
                    "aggregate": collection.bson,
                    "pipeline": [["$match": ["_id.p": name]], ["$group": ["_id": nil, "n": ["$sum": amount]]]],
                    "cursor": .document([:]), "maxTimeMS": 45_000,
                    "readConcern": ["level": "snapshot", "atClusterTime": .timestamp(time)],
                ], on: database, inSession: true)?["n"]?.int64
            let difference = (counted ?? 0) - (document[field]?.int64 ?? 0)
            if difference != 0 { drift = drift.appending(field, .int64(difference)) }
        }
        return drift
    }

    /// One step: removes sets of chunks behind `last` that no event refers to. Nil behind the last set.
    fileprivate func dropLostChunks(
        of pipeline: String, after last: BSONValue, before time: Int64, on database: String
    ) throws -> BSONValue? {
        let sets = try all(
            [
                "find": StateCollection.chunks.bson,
                "filter": [
                    "_id": ["$gt": last, "$lt": ["p": .string(pipeline), "s": StateQueries.greatest]], "_id.i": 0,
                ], "sort": ["_id": 1], "limit": 500, "projection": ["of": 1, "at": 1],
            ], on: database
        ) { try BSONDocument(copying: $0) }
        var lost: [BSONValue] = []
        for collection in [StateCollection.parked, .deadLetters] {
            let old = sets.filter {
                $0[path: "of.in"] == collection.bson && ($0["at"]?.date ?? .max) < time
            }
            let owners = old.compactMap { $0[path: "of.id"] }
            if owners.isEmpty { continue }
            let used = try all(
                [
                    "find": collection.bson, "filter": ["_id": ["$in": .array(owners)]], "projection": ["chunks": 1],
                    "readConcern": ["level": "majority"],
                ], on: database
            ) { try BSONDocument(copying: $0)[path: "chunks.s"] }
            lost += old.compactMap { $0[path: "_id.s"] }.filter { !used.contains($0) }
        }
        if !lost.isEmpty {
            try write(
                [
                    "delete": StateCollection.chunks.bson,
                    "deletes": .array(
                        lost.map { set in
                            let id: [(String, BSONValue)] = [("p", .string(pipeline)), ("s", set)]
                            return [
                                "q": [
                                    "_id": [
                                        "$gt": .document(BSONDocument(id)),
                                        "$lt": .document(BSONDocument(id + [("i", StateQueries.greatest)])),
                                    ]
                                ], "limit": 0,
                            ]
                        }),
                ], on: database)
        }
        return sets.count == 500 ? sets.last?["_id"] : nil
    }
}
