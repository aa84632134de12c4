import RelayCore

/// One reading of the outbox from a checkpoint on. It remembers the position behind what it has submitted, so
/// that after a broken connection it goes on exactly there.
final class OutboxReading {
    let source: OutboxSource
    let queue: BatchQueue
    let decoder: OutboxDecoder
    private(set) var position: Checkpoint?
    private var isVerified = false

    init(_ source: OutboxSource, from checkpoint: Checkpoint?, into queue: BatchQueue) {
        self.source = source
        self.queue = queue
        position = checkpoint
        decoder = OutboxDecoder(source.options.mapping, collection: source.options.endpoint.collection)
    }

    var connection: MongoConnection { source.connection }
    var endpoint: MongoEndpoint { source.options.endpoint }

    /// Reads until something fails; `progressed` is called whenever the server answered.
    func run(progressed: () -> Void) async throws {
        var checkpoint = try await begin()
        while checkpoint.backlog != nil {
            checkpoint = try await BacklogReader(self).advance(from: checkpoint, progressed: progressed)
        }
        try await StreamReader(self).run(from: checkpoint, progressed: progressed)
    }

    /// Submits a batch that ends at `checkpoint`.
    func submit(_ batch: EventBatch, at checkpoint: Checkpoint, sourceTime: ClusterTime?, isLevel: Bool) {
        batch.close(at: checkpoint, sourceTime: sourceTime, isLevel: isLevel)
        queue.submit(batch)
        position = checkpoint
    }

    /// Remembers a position that needs no batch.
    func move(to checkpoint: Checkpoint) { position = checkpoint }

    /// Halts at poison when it was asked to: what came before it is in the queue already.
    func haltIfAsked(_ batch: EventBatch) throws {
        guard source.options.haltsOnPoison, let last = batch.poison.last, batch.records.last?.outcome == .poison
        else { return }
        throw RelayError(
            .poison,
            "a document in \(source.namespace) is no event (\(last.message)), and SOURCE_ON_POISON=halt. "
                + "Correct the document's mapping, or set SOURCE_ON_POISON=deadletter")
    }

    /// Connects, makes sure that the checkpoint belongs to this cluster, and makes the first one.
    private func begin() async throws -> Checkpoint {
        let identity = ClusterIdentity(connection, endpoint: endpoint)
        let cluster = try await identity.load()
        source.relay?.noteMongoDBReached()
        let hello = try await connection.run(["hello": 1], on: "admin").document
        source.watchdog.note(server: hello["me"]?.string)
        if var position {
            if !isVerified {
                try identity.verify(position, cluster: cluster, hello: hello, namespace: source.namespace)
                isVerified = true
            }
            position.cluster = cluster
            return position
        }
        isVerified = true
        let start = try await identity.firstStart(of: source.options.pipeline)
        var first = Checkpoint()
        first.cluster = cluster
        first.clusterTime = start
        first.options = ["collection": endpoint.collection, "database": endpoint.database]
        if let uuid = try await identity.collectionUUID() { first.collections[endpoint.collection] = uuid }
        if source.options.publishesBacklog { first.backlog = BacklogPosition(snapshot: start) }
        position = first
        return first
    }
}
