import RelayCore

/// One reading of a source from a checkpoint on. It remembers the position behind what it has submitted, so
/// that after a broken connection it goes on exactly there.
final class SourceReading {
    let source: MongoSource
    let queue: BatchQueue
    let maker: any EventMaker
    private(set) var position: Checkpoint?
    /// Whether the checkpoint was made with other options of the stream than those in force.
    private(set) var hasOtherOptions = false

    init(_ source: MongoSource, from checkpoint: Checkpoint?, into queue: BatchQueue) {
        self.source = source
        self.queue = queue
        position = checkpoint
        maker = source.options.maker(source.connection, logger: source.logger)
    }

    var connection: MongoConnection { source.connection }
    var endpoint: MongoEndpoint { source.options.endpoint }
    var haltsOnPoison: Bool { source.options.haltsOnPoison }

    /// Reads until something fails; `progressed` is called whenever the server answered.
    func run(progressed: () -> Void) async throws {
        var checkpoint = try await begin()
        do {
            while checkpoint.backlog != nil {
                checkpoint = try await BacklogReader(self).advance(from: checkpoint, progressed: progressed)
            }
            try await StreamReader(self).run(from: checkpoint, progressed: progressed)
        } catch let failure as MongoFailure where failure.isFromServer && failure.code == MongoFailure.historyLost {
            try await historyLost()
        }
    }

    /// The collections that a scan reads.
    func collectionNames() async throws -> [String] { try await Self.collectionNames(connection, source.options) }

    /// The collections of a source as they are now.
    static func collectionNames(
        _ connection: MongoConnection, _ options: MongoSource.Options
    ) async throws -> [String] {
        if !options.collections.isEmpty { return options.collections }
        let reply = try await connection.run(
            [
                "listCollections": 1, "nameOnly": true, "filter": ["type": "collection"],
                "cursor": ["batchSize": 100_000],
            ], on: options.endpoint.database
        ).document
        return (reply[path: "cursor.firstBatch"]?.array ?? []).compactMap { $0.document?["name"]?.string }.filter {
            !$0.hasPrefix("outbox_relay_") && !$0.hasPrefix("system.") && !options.excluded.contains($0)
        }
    }

    /// Writes the options in force into a checkpoint.
    func noteOptions(in checkpoint: inout Checkpoint) {
        checkpoint.options = source.options.fingerprint
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
    /// - Parameter first: the number of the first record that may be poison.
    func haltIfAsked(_ batch: EventBatch, from first: Int) throws {
        guard haltsOnPoison else { return }
        for record in batch.records[first...] where record.outcome == .poison {
            let name =
                record.id.isPresent
                ? "the document with the id \(batch.arena.string(record.id).prefix(200))" : "a document"
            throw RelayError(
                .poison,
                "\(name) in \(source.namespace) is no event (\(batch.poison[Int(record.note)].message)), and "
                    + "SOURCE_ON_POISON=halt. Correct the document's mapping, or set SOURCE_ON_POISON=deadletter")
        }
    }

    private func noteOtherOptions(_ position: inout Checkpoint) {
        let options = source.options.fingerprint
        hasOtherOptions = !position.options.isEmpty && position.options != options
        guard hasOtherOptions else { return }
        let names = Set(options.keys).union(position.options.keys).sorted()
        let changes = names.filter { position.options[$0] != options[$0] }.map {
            "\($0): \(position.options[$0] ?? "none") → \(options[$0] ?? "none")"
        }
        source.logger.warning(
            "the source's options changed since the checkpoint; reading with the new ones from its cluster time on",
            metadata: ["changes": "\(changes.joined(separator: ", "))"])
        guard position.backlog != nil else { return }
        if names.allSatisfy({ $0 == "images" || position.options[$0] == options[$0] }) {
            // The same documents in the same order: the scan goes on where it was.
            noteOptions(in: &position)
            return
        }
        // Other collections: the scan begins again, and what it brings may have been delivered before.
        if position.backlog?.rescan == nil { position.backlog?.rescan = .init(since: nil) }
        position.backlog?.cursor = nil
        position.backlog?.collection = nil
        position.backlog?.catchingUpTo = nil
        position.token = nil
        position.invalidated = false
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
        first.options = source.options.fingerprint
        for name in source.options.collections {
            if let uuid = try await identity.collectionUUID(of: name) { first.collections[name] = uuid }
        }
        if source.options.publishesBacklog { first.backlog = BacklogPosition(snapshot: start) }
        position = first
        return first
    }
}
