import RelayCore

/// Who of all relays on a collection cleans it. Only to spare the others the work: to clean up twice does no harm, so
/// nothing is fenced by it.
struct CleanupLease: Sendable {
    let database: String
    let name: String
    let owner: String
    let holder: String

    static let ttl = Duration.seconds(10)
    static let renewal = Duration.seconds(3)

    /// The lease of the source `source`.
    init(database: String, source: String, owner: String, holder: String) {
        self.database = database
        name = Self.name(of: source)
        self.owner = owner
        self.holder = holder
    }

    /// No pipeline is called so: their names have no space.
    static func name(of source: String) -> String { "cleanup of \(source)" }

    /// Takes or renews it; false when another has it.
    func hold(on connection: isolated MongoConnection) throws -> Bool {
        let reply = try connection.write(
            [
                "findAndModify": StateCollection.leases.bson, "query": ["_id": .string(name)],
                "update": MongoStateStore.acquisition(owner: owner, holder: holder, ttl: Self.ttl, floor: 0),
                "upsert": true, "new": true, "fields": ["owner": 1, "session": 1], "maxTimeMS": 4000,
                "writeConcern": ["w": "majority", "wtimeout": 4000],
            ], on: database)
        guard let lease = reply["value"]?.document, lease["owner"]?.string == owner else { return false }
        let session = try connection.sessionID()
        if lease["session"]?.uuid == session { return true }
        // A cleaner that was killed leaves its transaction open for a minute, and what it was to clean up locked.
        try Self.end(lease, on: connection)
        let named = try connection.write(
            [
                "update": StateCollection.leases.bson,
                "updates": [
                    [
                        "q": ["_id": .string(name), "owner": .string(owner)],
                        "u": ["$set": ["session": .binary(session, subtype: 4)]],
                    ]
                ], "maxTimeMS": 4000, "writeConcern": ["w": "majority", "wtimeout": 4000],
            ], on: database)
        // Lost meanwhile: whoever has it now ends the session that the lease names, which must not be another's.
        return named["n"]?.int == 1
    }

    /// Ends the session of whoever cleans, or did: its open transaction is undone. It begins another one.
    static func endSession(of source: String, on connection: isolated MongoConnection, _ database: String) throws {
        let lease = try connection.first(
            [
                "find": StateCollection.leases.bson, "filter": ["_id": .string(name(of: source))], "limit": 1,
                "singleBatch": true, "maxTimeMS": 2000,
            ], on: database)
        if let lease { try end(lease, on: connection) }
    }

    private static func end(_ lease: BSONDocument, on connection: isolated MongoConnection) throws {
        guard let session = lease["session"]?.uuid else { return }
        _ = try connection.run(["killSessions": [["id": .binary(session, subtype: 4)]]], on: "admin")
    }

    /// Gives it back.
    func release(on connection: isolated MongoConnection) throws {
        try connection.write(
            [
                "update": StateCollection.leases.bson,
                "updates": [
                    [
                        "q": ["_id": .string(name), "owner": .string(owner)],
                        "u": MongoStateStore.vacancy,
                    ]
                ], "maxTimeMS": 2000,
            ], on: database)
    }
}
