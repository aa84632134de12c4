import RelayCore

/// One look at a source: who has settled what, and cleaning up what everybody has.
struct CleanupRound: Sendable {
    let strategy: any CleanupStrategy
    let endpoint: MongoEndpoint
    let source: String

    /// What was found of the registry.
    struct Registry: Sendable {
        var generation: Int64
        var pipelines: [RegisteredPipeline]
        /// The server's time.
        var now: ClusterTime
        var decision: CleanupDecision
    }

    /// Nil before any pipeline has registered.
    func look(on connection: isolated MongoConnection) throws -> Registry? {
        // The generation first: a pipeline that registers in between has made another one before it reads.
        let found = try connection.first(
            PipelineRegistry.findGeneration(of: source), on: endpoint.stateDatabase)
        guard let generation = found?["generation"]?.int64 else { return nil }
        let reply = try connection.run(
            PipelineRegistry.find(["_id.source": .string(source)]), on: endpoint.stateDatabase
        ).document
        guard reply[path: "cursor.id"]?.int64 == 0 else {
            throw RelayError(
                .refused, "the registry of \(source) holds more than 10000 pipelines", isRetriable: true)
        }
        let pipelines = (reply[path: "cursor.firstBatch"]?.array ?? [])
            .compactMap { $0.document.flatMap(RegisteredPipeline.init) }
        guard !pipelines.isEmpty, let now = reply["operationTime"]?.timestamp else { return nil }
        return Registry(
            generation: generation, pipelines: pipelines, now: ClusterTime(now),
            decision: CleanupDecision(pipelines, now: ClusterTime(now)))
    }

    /// The command that begins to read what was visible at `time`.
    func scan(at time: ClusterTime) -> BSONDocument {
        strategy.scan(batchSize: 2000)
            .appending("readConcern", ["level": "snapshot", "atClusterTime": time.bson])
            .appending("maxTimeMS", 120_000)
    }

    /// What became of an attempt to clean up.
    enum Outcome: Sendable {
        case cleaned(events: Int, at: BSONTimestamp)
        /// A pipeline has registered, or gone back: look again.
        case changed
    }

    /// Cleans up `items` in one transaction that comes about only while `generation` is in force.
    func clean(
        _ items: [CleanupItem], generation: Int64, on connection: isolated MongoConnection
    ) throws -> Outcome {
        try connection.startTransaction()
        let reply: BSONDocument
        do {
            reply = try connection.write(strategy.command(items), on: endpoint.database, inSession: true)
            // A write, not a read: a registration that comes meanwhile conflicts with it. Last, so that a registration
            // has to wait for it no longer than the commit takes.
            let guarding: BSONDocument = [
                "update": .string(PipelineRegistry.collection),
                "updates": [
                    [
                        "q": ["_id": PipelineRegistry.generationID(source), "generation": .int64(generation)],
                        "u": ["$currentDate": ["cleanedAt": ["$type": "timestamp"]]],
                    ]
                ],
            ]
            guard try connection.write(guarding, on: endpoint.stateDatabase, inSession: true)["n"]?.int == 1 else {
                try? connection.abortTransaction()
                return .changed
            }
        } catch {
            if !Task.isCancelled { try? connection.abortTransaction() }
            throw error
        }
        let committed = try connection.commitTransaction().document
        let time = committed["operationTime"]?.timestamp ?? reply["operationTime"]?.timestamp
        return .cleaned(
            events: strategy.count(reply, items), at: time ?? BSONTimestamp(seconds: .max, increment: .max))
    }
}
