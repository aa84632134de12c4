import RelayCore

extension MongoStateStore {
    public func prepare() async throws {
        let createsCollections = options.createsCollections
        if createsCollections { try await setUp() }
        let (database, name, holder) = (database, pipeline, options.holder)
        let checkpoint = StateCollection.checkpoints
        try await call(control, doing: "preparing the state in \(database)", within: .seconds(20)) { connection in
            if !createsCollections { try connection.checkCollections(in: database) }
            // Looked for first: a standby has nothing to write.
            let find: BSONDocument = [
                "find": checkpoint.bson, "filter": ["_id": name], "limit": 1, "singleBatch": true,
                "projection": ["_id": 1], "readConcern": ["level": "majority"],
            ]
            if try connection.first(find, on: database) != nil { return }
            let fields: BSONDocument = [
                "epoch": .int64(0), "revision": .int64(0), "position": .int64(0), "lastDeadLetter": .int64(0),
                "parkedKeys": .int64(0), "parkedEvents": .int64(0), "parkedBytes": .int64(0), "largeEvents": .int64(0),
                "stoppedMilliseconds": .int64(0), "registeredBy": .string(holder),
            ]
            try connection.write(
                [
                    "update": checkpoint.bson,
                    "updates": [
                        [
                            "q": ["_id": name],
                            "u": ["$setOnInsert": .document(fields), "$currentDate": ["updatedAt": true]],
                            "upsert": true,
                        ]
                    ], "writeConcern": Self.majority,
                ], on: database)
        }
    }

    /// Creates collections and indexes that are missing; does nothing, cheaply, when none is.
    public func setUp() async throws {
        let database = database
        try await call(upkeep, doing: "creating the state's collections in \(database)", within: .seconds(60)) {
            try $0.createCollections(in: database)
        }
    }

    /// What ``setUp()`` amounts to, for a person to run in `mongosh`.
    public static func setupScript(database: String) -> String {
        "// in mongosh; the relay does this itself unless DESTINATION_AUTO_SETUP=false\n"
            + "use \(database)\n" + StateCollection.allCases.map(\.setupText).joined(separator: "\n")
    }
}

extension MongoConnection {
    /// Makes what is missing; outside of any transaction, in which old servers cannot.
    func createCollections(in database: String) throws {
        let hello = try run(["hello": 1], on: "admin").document
        guard hello["setName"] != nil || hello["msg"]?.string == "isdbgrid" else {
            throw StateFailure.standaloneServer
        }
        for collection in StateCollection.allCases {
            do {
                try write(collection.setupCommand.appending("writeConcern", MongoStateStore.majority), on: database)
            } catch let failure as MongoFailure where failure.code == MongoFailure.namespaceExists {
                continue
            }
        }
    }

    /// - Throws: ``RelayError`` when something is missing.
    func checkCollections(in database: String) throws {
        for collection in StateCollection.allCases {
            var found: Set<String> = []
            do {
                found = Set(
                    try all(["listIndexes": collection.bson], on: database) { try $0.value("name")?.string ?? "" })
            } catch let failure as MongoFailure where failure.code == MongoFailure.namespaceNotFound {
                // Nothing is found.
            }
            let wanted = collection.indexes.map(\.name)
            guard found.contains("_id_"), found.isSuperset(of: wanted) else {
                throw RelayError(
                    .refused,
                    "the collection \(database).\(collection.rawValue) or one of its indexes is missing, and "
                        + "DESTINATION_AUTO_SETUP=false: run `outbox-relay setup`", isRetriable: true)
            }
        }
    }
}
