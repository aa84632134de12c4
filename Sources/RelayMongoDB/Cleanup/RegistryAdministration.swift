import RelayCore

/// What commands and a start do with the registry of pipelines.
public struct RegistryAdministration: Sendable {
    /// A registered pipeline as people see it.
    public struct Entry: Sendable, Codable {
        public var pipeline: String
        /// `<database>.<collection>`.
        public var source: String
        /// Whether a relay has said within the last minute that it runs it.
        public var isAlive: Bool
    }

    private let endpoint: MongoEndpoint
    private let connection: MongoConnection

    /// For the registry in the state database of `endpoint`.
    public init(_ endpoint: MongoEndpoint) {
        self.endpoint = endpoint
        connection = MongoConnection(uri: endpoint.uri, name: "mongo-command", socketTimeout: .seconds(10))
    }

    private var database: String { endpoint.stateDatabase }

    /// Every registered pipeline, whatever it reads.
    public func entries() async throws -> [Entry] {
        try await pipelines(["_id.pipeline": ["$exists": true]]).map {
            Entry(pipeline: $0.name, source: $0.source, isAlive: $0.isAlive)
        }
    }

    /// The names of pipelines of the relay `relay` that have state in MongoDB.
    public func stored(of relay: String) async throws -> [String] {
        // A range and no pattern: a name may hold what has a meaning there. "0" follows "/".
        let command: BSONDocument = [
            "find": StateCollection.checkpoints.bson,
            "filter": ["_id": ["$gt": .string(relay + "/"), "$lt": .string(relay + "0")]], "projection": ["_id": 1],
        ]
        return try await call("looking for stored pipelines") { connection, database in
            try connection.all(command, on: database) { try $0.value("_id")?.string }.compactMap { $0 }
        }
    }

    /// Removes a pipeline from the registry: nothing waits for it any more. Its state stays.
    /// - Returns: the sources it was registered for.
    /// - Throws: ``RelayError`` when a relay runs it, or it is not there.
    public func forget(_ pipeline: String) async throws -> [String] {
        let found = try await pipelines(["_id.pipeline": .string(pipeline)])
        if found.isEmpty {
            throw RelayError(
                .refused,
                "there is no pipeline \(pipeline) in \(database).\(PipelineRegistry.collection): nothing waits for it")
        }
        try await refuseLiveLease(of: pipeline)
        if let alive = found.first(where: \.isAlive) {
            throw RelayError(
                .refused,
                "a relay runs \(pipeline) (it said so \(Int(alive.silence / .seconds(1))) s ago): take the destination "
                    + "out of its configuration, or stop it, and try again a minute later")
        }
        // Only what has not been renewed since it was looked at.
        let filter: BSONDocument = [
            "_id.pipeline": .string(pipeline),
            "$expr": [
                "$lt": ["$updatedAt", ["$subtract": ["$$NOW", .int64(Self.lifetime)]]]
            ],
        ]
        let count = try await call("forgetting a pipeline") { connection, database in
            try connection.write(PipelineRegistry.delete(filter), on: database)["n"]?.int ?? 0
        }
        if count == 0 {
            throw RelayError(.refused, "a relay has begun to run \(pipeline) just now: nothing was removed")
        }
        return found.map(\.source).sorted()
    }

    private static let lifetime = MongoStateStore.milliseconds(RegisteredPipeline.lifetime)

    /// A webhook's lease lies beside the registry; a queue's does not, and its relay is told by the renewals.
    private func refuseLiveLease(of pipeline: String) async throws {
        let command = Self.findLease(pipeline)
        let lease = try await call("looking at a lease") { try $0.first(command, on: $1) }
        if let lease, let holder = Self.liveHolder(lease) {
            throw RelayError(.refused, "\(holder) holds the lease of \(pipeline): stop that relay first")
        }
    }

    static func findLease(_ pipeline: String) -> BSONDocument {
        [
            "find": StateCollection.leases.bson, "filter": ["_id": .string(pipeline)], "limit": 1,
            "singleBatch": true, "readConcern": ["level": "majority"],
            "projection": ["owner": 1, "holder": 1, "epoch": 1, "left": ["$subtract": ["$expiresAt", "$$NOW"]]],
        ]
    }

    /// Who holds a lease now.
    static func liveHolder(_ lease: BSONDocument) -> String? {
        guard let owner = lease["owner"]?.string, (lease["left"]?.int64 ?? 0) > 0 else { return nil }
        return lease["holder"]?.string ?? owner
    }

    private func pipelines(_ filter: BSONDocument) async throws -> [RegisteredPipeline] {
        let command = PipelineRegistry.find(filter)
        return try await call("reading the registry of pipelines") { connection, database in
            try connection.all(command, on: database) { try RegisteredPipeline(BSONDocument(copying: $0)) }
                .compactMap { $0 }
        }
    }

    private func call<Answer: Sendable>(
        _ what: String, _ body: @escaping @Sendable (isolated MongoConnection, String) throws -> Answer
    ) async throws -> Answer {
        let database = database
        do {
            return try await connection.perform { try body($0, database) }
        } catch {
            throw StateFailure.described(error, doing: what, database: database)
        }
    }
}
