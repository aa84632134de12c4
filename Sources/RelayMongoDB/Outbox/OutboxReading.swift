import RelayCore

/// One reading of the outbox from a checkpoint on. It remembers the position behind what it has submitted, so
/// that after a broken connection it goes on exactly there.
final class OutboxReading {
    let source: OutboxSource
    let queue: BatchQueue
    let decoder: OutboxDecoder
    private(set) var position: Checkpoint?
    /// Whether the checkpoint was made with other options of the stream than those in force.
    private(set) var hasOtherOptions = false

    init(_ source: OutboxSource, from checkpoint: Checkpoint?, into queue: BatchQueue) {
        self.source = source
        self.queue = queue
        position = checkpoint
        decoder = OutboxDecoder(source.options.mapping, collection: source.options.endpoint.collection)
    }

    var connection: MongoConnection { source.connection }
    var endpoint: MongoEndpoint { source.options.endpoint }
    var haltsOnPoison: Bool { source.options.haltsOnPoison }
    private var options: [String: String] { ["collection": endpoint.collection, "database": endpoint.database] }

    /// Reads until something fails; `progressed` is called whenever the server answered.
    func run(progressed: () -> Void) async throws {
        var checkpoint = try await begin()
        while checkpoint.backlog != nil {
            checkpoint = try await BacklogReader(self).advance(from: checkpoint, progressed: progressed)
        }
        try await StreamReader(self).run(from: checkpoint, progressed: progressed)
    }

    /// Writes the options in force into a checkpoint.
    func noteOptions(in checkpoint: inout Checkpoint) {
        checkpoint.options = options
        checkpoint.token = nil
        checkpoint.invalidated = false
        hasOtherOptions = false
    }

    /// The cluster's id as it is now, made anew where it is gone.
    func currentCluster() async throws -> String { try await ClusterIdentity(connection, endpoint: endpoint).load() }

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
        guard source.options.haltsOnPoison, let last = batch.poison.last, let record = batch.records.last,
            record.outcome == .poison
        else { return }
        let name =
            record.id.isPresent ? "the document with the id \(batch.arena.string(record.id).prefix(200))" : "a document"
        throw RelayError(
            .poison,
            "\(name) in \(source.namespace) is no event (\(last.message)), and SOURCE_ON_POISON=halt. "
                + "Correct the document's mapping, or set SOURCE_ON_POISON=deadletter")
    }

    private func noteOtherOptions(_ position: inout Checkpoint) {
        hasOtherOptions = !position.options.isEmpty && position.options != options
        guard hasOtherOptions else { return }
        let changes = options.keys.sorted().filter { position.options[$0] != options[$0] }.map {
            "\($0): \(position.options[$0] ?? "none") → \(options[$0] ?? "none")"
        }
        source.logger.warning(
            "the source's options changed since the checkpoint; reading the new ones from its cluster time on",
            metadata: ["changes": "\(changes.joined(separator: ", "))"])
        guard position.backlog != nil else { return }
        // The other collection's backlog begins at its beginning; behind it the stream is opened as ever.
        position.backlog?.cursor = nil
        position.backlog?.catchingUpTo = nil
        noteOptions(in: &position)
    }

    /// Connects, makes sure that the checkpoint belongs to this cluster, and makes the first one.
    private func begin() async throws -> Checkpoint {
        let identity = ClusterIdentity(connection, endpoint: endpoint)
        let cluster = try await identity.load()
        source.relay?.noteMongoDBReached()
        let hello = try await connection.run(["hello": 1], on: "admin").document
        connection.observed.note(server: hello["me"]?.string)
        if var position {
            try identity.verify(position, cluster: cluster, hello: hello, namespace: source.namespace)
            position.cluster = cluster
            noteOtherOptions(&position)
            self.position = position
            return position
        }
        let start = try await identity.firstStart(of: source.options.pipeline)
        var first = Checkpoint()
        first.cluster = cluster
        first.clusterTime = start
        first.options = options
        if let uuid = try await identity.collectionUUID() { first.collections[endpoint.collection] = uuid }
        if source.options.publishesBacklog { first.backlog = BacklogPosition(snapshot: start) }
        position = first
        return first
    }
}
