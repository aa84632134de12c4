import RelayCore

/// The steps of ``MongoAdoption``; each can be done again.
extension MongoConnection {
    private static let keyed: [StateCollection] = [.parkedKeys, .parked, .deadLetters, .chunks]

    /// The checkpoints' documents of both names.
    fileprivate func found(_ collection: String, _ names: [String], on database: String) throws -> [String:
        BSONDocument]
    {
        let documents = try all(
            [
                "find": .string(collection), "filter": ["_id": ["$in": .array(names.map { .string($0) })]],
                "readConcern": ["level": "majority"],
            ], on: database
        ) { try BSONDocument(copying: $0) }
        return Dictionary(uniqueKeysWithValues: documents.map { ($0["_id"]?.string ?? "", $0) })
    }

    func checkpoints(of old: String, _ new: String, on database: String) throws -> [String: BSONDocument] {
        try found(StateCollection.checkpoints.rawValue, [old, new], on: database)
    }

    /// Takes a lease; who has it, if somebody does.
    func hold(_ name: String, owner: String, holder: String, on database: String) throws -> String? {
        let reply = try write(
            [
                "findAndModify": StateCollection.leases.bson, "query": ["_id": .string(name)],
                "update": MongoStateStore.acquisition(owner: owner, holder: holder, ttl: .seconds(300), floor: 0),
                "upsert": true, "new": true, "writeConcern": MongoStateStore.majority,
            ], on: database)
        let lease = reply["value"]?.document
        if lease?["owner"]?.string == owner { return nil }
        return lease?["holder"]?.string ?? lease?["owner"]?.string ?? "another relay"
    }

    func release(_ name: String, owner: String, on database: String) throws {
        try write(
            [
                "update": StateCollection.leases.bson,
                "updates": [
                    [
                        "q": ["_id": .string(name), "owner": .string(owner)],
                        "u": MongoStateStore.vacancy,
                    ]
                ], "writeConcern": MongoStateStore.majority,
            ], on: database)
    }

    /// Copies what waits and what was given up on; on the server, so that its size does not matter here.
    func copyEvents(from old: String, to new: String, on database: String) throws {
        for collection in Self.keyed {
            var fields: BSONDocument = ["_id.p": ["$literal": .string(new)]]
            if collection == .chunks { fields = fields.appending("of.id.p", ["$literal": .string(new)]) }
            _ = try run(
                [
                    "aggregate": collection.bson,
                    "pipeline": [
                        ["$match": ["_id.p": .string(old)]], ["$set": .document(fields)],
                        ["$merge": ["into": collection.bson, "on": "_id", "whenMatched": "replace"]],
                    ], "cursor": .document([:]), "writeConcern": MongoStateStore.majority,
                ], on: database)
        }
        try write(
            [
                "update": StateCollection.requests.bson,
                "updates": [
                    ["q": ["p": .string(old)], "u": ["$set": ["p": .string(new)]], "multi": true]
                ], "writeConcern": MongoStateStore.majority,
            ], on: database)
    }

    /// Gives the old name's checkpoint to the new one, in one transaction.
    func moveCheckpoint(from old: String, to new: String, on database: String) throws {
        let leases = try found(StateCollection.leases.rawValue, [old, new], on: database)
        let known = try checkpoints(of: old, new, on: database)
        guard let document = known[old] else { return }
        let epochs = (Array(leases.values) + Array(known.values)).compactMap { $0["epoch"]?.int64 }
        // Whoever wrote under either name before is of an earlier epoch.
        let fields = document.fields.compactMap { field -> (String, BSONValue)? in
            switch field.key {
            case "_id", "owner", "session": nil
            case "epoch": ("epoch", .int64(epochs.max() ?? 0))
            default: (field.key, field.value)
            }
        }
        let checkpoints = StateCollection.checkpoints.bson
        try startTransaction()
        do {
            try write(
                [
                    "delete": checkpoints,
                    "deletes": [["q": ["_id": ["$in": [.string(old), .string(new)]]], "limit": 0]],
                ], on: database, inSession: true)
            try write(
                [
                    "insert": checkpoints,
                    "documents": [.document(BSONDocument([("_id", .string(new))] + fields))],
                ], on: database, inSession: true)
        } catch {
            try? abortTransaction()
            throw error
        }
        try commitTransaction()
    }

    /// Removes what was copied.
    func dropEvents(of old: String, on database: String) throws {
        for collection in Self.keyed {
            try write(
                [
                    "delete": collection.bson, "deletes": [["q": ["_id.p": .string(old)], "limit": 0]],
                    "writeConcern": MongoStateStore.majority,
                ], on: database)
        }
    }

    /// Gives start time and registrations to the new name as well.
    func copyStart(from old: String, to new: String, on database: String) throws {
        if let start = try found(ClusterIdentity.startCollection, [old], on: database)[old]?["startedAt"] {
            try write(
                [
                    "update": .string(ClusterIdentity.startCollection),
                    "updates": [
                        ["q": ["_id": .string(new)], "u": ["$set": ["startedAt": start]], "upsert": true]
                    ], "writeConcern": MongoStateStore.majority,
                ], on: database)
        }
        let entries = try all(PipelineRegistry.find(["_id.pipeline": .string(old)]), on: database) {
            try RegisteredPipeline(BSONDocument(copying: $0))
        }.compactMap { $0 }
        let updates = entries.map { entry in
            var report = PipelineRegistry.Report(
                StoredState(stream: 0, position: 0, revision: 0, checkpoint: nil, paused: nil))
            (report.settled, report.paused) = (entry.settled, entry.paused)
            return PipelineRegistry.begin(new, entry.source, report, reporter: "adopt", holder: "adopted from \(old)")
        }
        if updates.isEmpty { return }
        _ = try updateRegistry(updates, on: database)
        _ = try updateRegistry(entries.map { PipelineRegistry.nextGeneration(of: $0.source) }, on: database)
    }

    /// Removes both of the old name, and its lease.
    func dropStart(of old: String, on database: String) throws {
        try write(PipelineRegistry.delete(["_id.pipeline": .string(old)]), on: database)
        for collection in [ClusterIdentity.startCollection, StateCollection.leases.rawValue] {
            try write(
                [
                    "delete": .string(collection), "deletes": [["q": ["_id": .string(old)], "limit": 0]],
                    "writeConcern": MongoStateStore.majority,
                ], on: database)
        }
    }
}
