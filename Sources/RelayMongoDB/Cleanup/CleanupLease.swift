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
                "upsert": true, "new": true, "fields": ["owner": 1], "maxTimeMS": 4000,
                "writeConcern": ["w": "majority", "wtimeout": 4000],
            ], on: database)
        return reply["value"]?.document?["owner"]?.string == owner
    }

    /// Gives it back.
    func release(on connection: isolated MongoConnection) throws {
        try connection.write(
            [
                "update": StateCollection.leases.bson,
                "updates": [
                    [
                        "q": ["_id": .string(name), "owner": .string(owner)],
                        "u": ["$set": ["owner": nil, "holder": nil, "expiresAt": .date(0)]],
                    ]
                ], "maxTimeMS": 2000,
            ], on: database)
    }
}
