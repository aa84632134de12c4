import RelayCore

/// Which cluster this is, and when a pipeline began on it: two small collections of the relay's own.
struct ClusterIdentity {
    private let connection: MongoConnection
    private let endpoint: MongoEndpoint

    static let identityCollection = "outbox_relay_identity"
    static let startCollection = "outbox_relay_start"
    private static let majority: BSONValue = ["w": "majority", "wtimeout": 10_000]

    init(_ connection: MongoConnection, endpoint: MongoEndpoint) {
        self.connection = connection
        self.endpoint = endpoint
    }

    /// The cluster's random id, made at the first call ever.
    func load() async throws -> String {
        let fresh = (0..<2).map { _ in String(UInt64.random(in: .min ... .max), radix: 16) }.joined(separator: "-")
        let stored = try await findOrInsert(
            Self.identityCollection, id: "cluster", fields: ["cluster": .string(fresh)])
        guard let id = stored["cluster"]?.string else {
            throw RelayError(
                .identity,
                "the document {_id: \"cluster\"} in \(endpoint.stateDatabase).\(Self.identityCollection) has no "
                    + "field `cluster`: restore it, or remove the document and the checkpoints of this relay")
        }
        return id
    }

    /// The time a pipeline's first start began at, stored before anything is read.
    func firstStart(of pipeline: String) async throws -> ClusterTime {
        let now = try await snapshotTime()
        let stored = try await findOrInsert(Self.startCollection, id: pipeline, fields: ["startedAt": now.bson])
        guard let time = stored["startedAt"]?.timestamp else {
            throw RelayError(
                .identity,
                "the document {_id: \"\(pipeline)\"} in \(endpoint.stateDatabase).\(Self.startCollection) has no "
                    + "timestamp `startedAt`: remove it to begin anew")
        }
        return ClusterTime(time)
    }

    /// The newest time of which the server can give a majority-committed snapshot.
    func snapshotTime() async throws -> ClusterTime {
        let reply = try await connection.run(
            [
                "find": .string(Self.identityCollection), "filter": ["_id": "cluster"], "limit": 1,
                "singleBatch": true, "readConcern": ["level": "snapshot"],
            ], on: endpoint.stateDatabase, inSession: true)
        guard let time = try reply.withView({ try StreamBatch($0).snapshotTime }) else {
            throw RelayError(
                .unsupported, "MongoDB did not tell a snapshot's time: version 5.0 or later is needed",
                isRetriable: true)
        }
        return time
    }

    /// A collection's UUID; nil while it does not exist.
    func collectionUUID(of name: String) async throws -> String? {
        let reply = try await connection.run(
            ["listCollections": 1, "filter": ["name": .string(name)]], on: endpoint.database)
        guard
            let uuid = reply.document[path: "cursor.firstBatch.0.info.uuid"]?.uuid
        else { return nil }
        return uuid.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// Halts when `checkpoint` does not belong to this cluster as it is now.
    /// - Parameter hello: the server's answer to `hello`, with its time.
    func verify(_ checkpoint: Checkpoint, cluster: String, hello: BSONDocument, namespace: String) throws {
        // Behind an invalidate event the identity may have gone with its database, and was made anew.
        if let known = checkpoint.cluster, known != cluster, !checkpoint.invalidated {
            throw RelayError(
                .identity,
                "the checkpoint belongs to another MongoDB cluster (\(known), this one is \(cluster)): \(namespace) was "
                    + "moved or restored elsewhere. Point MONGODB_URI at the right cluster, or choose another "
                    + "RELAY_NAME to begin anew")
        }
        let now = hello[path: "$clusterTime.clusterTime"]?.timestamp ?? hello["operationTime"]?.timestamp
        if let now, let time = checkpoint.clusterTime, time > ClusterTime(now) {
            throw RelayError(
                .identity,
                "the checkpoint (\(time)) is later than the server's own time (\(ClusterTime(now))): the cluster "
                    + "was restored from an older backup. What was written since the backup is gone from it, and "
                    + "the server would silently skip events up to the checkpoint. Choose another RELAY_NAME to "
                    + "begin anew from what the restored collection holds")
        }
    }

    /// The document `id`, made with `fields` when it does not exist; majority-committed either way.
    private func findOrInsert(_ collection: String, id: String, fields: BSONDocument) async throws -> BSONDocument {
        for _ in 0..<3 {
            let found = try await connection.run(
                [
                    "find": .string(collection), "filter": ["_id": .string(id)], "limit": 1, "singleBatch": true,
                    "readConcern": ["level": "majority"],
                ], on: endpoint.stateDatabase
            ).document[path: "cursor.firstBatch.0"]?.document
            if let found { return found }
            let document = BSONDocument([("_id", .string(id))] + fields.fields.map { ($0.key, $0.value) })
            let reply = try await connection.run(
                ["insert": .string(collection), "documents": [.document(document)], "writeConcern": Self.majority],
                on: endpoint.stateDatabase
            ).document
            let failure = reply[path: "writeErrors.0.code"]?.int ?? reply[path: "writeConcernError.code"]?.int
            if let failure, failure != MongoFailure.duplicateKey {
                throw MongoFailure(
                    code: failure, isFromServer: true,
                    message: reply[path: "writeErrors.0.errmsg"]?.string
                        ?? reply[path: "writeConcernError.errmsg"]?.string ?? "a write failed")
            }
        }
        throw RelayError(
            .refused, "cannot store the relay's own document in \(endpoint.stateDatabase).\(collection)",
            isRetriable: true)
    }
}
