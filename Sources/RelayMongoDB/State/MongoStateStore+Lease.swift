import RelayCore

/// The lease: a document of its own, on the server's clock.
extension MongoStateStore {
    public func acquireLease(owner: String, ttl: Duration) async throws -> LeaseAnswer {
        let (database, name) = (database, pipeline)
        let holder = options.holder
        return try await call(control, doing: "asking for the lease of \(options.pipeline)", within: .seconds(10)) {
            connection in
            // Never lower than the checkpoint's, whatever became of the lease's document.
            let floor = try connection.first(
                [
                    "find": StateCollection.checkpoints.bson, "filter": ["_id": name], "limit": 1, "singleBatch": true,
                    "projection": ["epoch": 1], "readConcern": ["level": "majority"],
                ], on: database)?["epoch"]?.int64
            let reply = try connection.write(
                [
                    "findAndModify": StateCollection.leases.bson, "query": ["_id": name],
                    "update": Self.acquisition(owner: owner, holder: holder, ttl: ttl, floor: floor ?? 0),
                    "upsert": true, "new": true,
                    "fields": ["owner": 1, "epoch": 1, "holder": 1, "left": ["$subtract": ["$expiresAt", "$$NOW"]]],
                    "maxTimeMS": 4000, "writeConcern": ["w": "majority", "wtimeout": 4000],
                ], on: database)
            guard let lease = reply["value"]?.document, let epoch = lease["epoch"]?.int64 else {
                throw RelayError(.refused, "the lease's document in \(database) has no epoch", isRetriable: true)
            }
            if lease["owner"]?.string == owner { return .granted(LeaseGrant(owner: owner, epoch: epoch)) }
            return .held(
                by: lease["holder"]?.string ?? lease["owner"]?.string ?? "another relay",
                expiresIn: .milliseconds(max(0, lease["left"]?.int64 ?? 0)))
        }
    }

    /// The change of a lease's document that gives it back.
    static let vacancy: BSONValue = ["$set": ["owner": nil, "holder": nil, "expiresAt": .date(0)]]

    /// The change of the lease's document that grants it to `owner` if it is free, and else changes nothing. (As a
    /// condition of the update it could not be: a missing document is to be made, and conditions on the clock are then
    /// not allowed.)
    static func acquisition(owner: String, holder: String, ttl: Duration, floor: Int64) -> BSONValue {
        let isOurs: BSONValue = ["$eq": ["$owner", ["$literal": .string(owner)]]]
        let isFree: BSONValue = [
            "$or": [["$eq": [["$ifNull": ["$owner", nil]], nil]], isOurs, ["$lte": ["$expiresAt", "$$NOW"]]]
        ]
        let next: BSONValue = [
            "$max": [["$add": [["$ifNull": ["$epoch", .int64(0)]], .int64(1)]], .int64(floor + 1)]
        ]
        let granted: [(String, BSONValue)] = [
            ("epoch", ["$cond": [isOurs, "$epoch", next]]), ("owner", ["$literal": .string(owner)]),
            ("holder", ["$literal": .string(holder)]),
            ("expiresAt", ["$add": ["$$NOW", .int64(milliseconds(ttl))]]), ("renewedAt", "$$NOW"),
        ]
        // All of a stage's expressions see the document as it was before.
        let fields = granted.map { ($0, BSONValue.document(["$cond": [isFree, $1, .string("$\($0)")]])) }
        return [["$set": .document(BSONDocument(fields))]]
    }

    public func renewLease(_ grant: LeaseGrant, ttl: Duration) async throws -> Bool {
        let (database, name) = (database, pipeline)
        let most = Int(max(50, Self.milliseconds(ttl / 3)))
        return try await call(control, doing: "renewing the lease of \(options.pipeline)", within: ttl / 3) {
            let reply = try $0.write(
                [
                    "update": StateCollection.leases.bson,
                    "updates": [
                        [
                            "q": [
                                "_id": name, "owner": .string(grant.owner), "epoch": .int64(grant.epoch),
                                "$expr": ["$gt": ["$expiresAt", "$$NOW"]],
                            ],
                            "u": [
                                [
                                    "$set": [
                                        "expiresAt": ["$add": ["$$NOW", .int64(Self.milliseconds(ttl))]],
                                        "renewedAt": "$$NOW",
                                    ]
                                ]
                            ],
                        ]
                    ], "maxTimeMS": .integer(most), "writeConcern": ["w": "majority", "wtimeout": .integer(most)],
                ], on: database)
            return reply["n"]?.int == 1
        }
    }

    public func releaseLease(_ grant: LeaseGrant) async throws {
        let (database, name) = (database, pipeline)
        try await call(control, doing: "giving back the lease of \(options.pipeline)", within: .seconds(5)) {
            _ = try $0.write(
                [
                    "update": StateCollection.leases.bson,
                    "updates": [
                        [
                            "q": ["_id": name, "owner": .string(grant.owner), "epoch": .int64(grant.epoch)],
                            "u": Self.vacancy,
                        ]
                    ], "maxTimeMS": 4000, "writeConcern": ["w": "majority", "wtimeout": 4000],
                ], on: database)
        }
    }

    static func milliseconds(_ duration: Duration) -> Int64 { Int64(duration / .milliseconds(1)) }
}
