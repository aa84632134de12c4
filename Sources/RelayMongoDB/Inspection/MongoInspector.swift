import RelayCore

/// Looks at the source's MongoDB for `check`, and makes what `setup` makes there.
public struct MongoInspector: Sendable {
    private let connection: MongoConnection
    private let options: OutboxSource.Options

    /// An inspector for the source with these options.
    public init(_ options: OutboxSource.Options) {
        self.options = options
        connection = MongoConnection(uri: options.endpoint.uri, name: "mongo-check", socketTimeout: .seconds(5))
    }

    private var endpoint: MongoEndpoint { options.endpoint }
    private var namespace: String { "\(endpoint.database).\(endpoint.collection)" }

    /// What there is to say, in the order it was looked at.
    public func findings() async -> [Finding] {
        var findings: [Finding] = []
        do {
            let hello = try await connection.run(["hello": 1], on: "admin").document
            let build = try? await connection.run(["buildInfo": 1], on: "admin").document
            let version = build?["version"]?.string ?? "of unknown version"
            findings.append(Finding(.ok, "mongodb", "MongoDB \(version) answers"))
            findings.append(topology(hello))
            if findings.last?.level == .failure { return findings }
        } catch {
            return findings + [failed(error, subject: "mongodb", doing: "connecting")]
        }
        findings.append(
            await attempt("privileges", "the change stream of \(namespace) opens") {
                var cursor = StreamCursor(connection, database: endpoint.database, collection: endpoint.collection)
                _ = try await cursor.open(.at(try await now()))
                await cursor.close()
            })
        findings.append(
            await attempt("privileges", "\(namespace) can be read") {
                _ = try await connection.run(
                    ["find": .string(endpoint.collection), "limit": 1, "singleBatch": true, "projection": ["_id": 1]],
                    on: endpoint.database)
            })
        findings.append(
            await attempt("state", "the relay's own collections in \(endpoint.stateDatabase) can be written") {
                _ = try await ClusterIdentity(connection, endpoint: endpoint).load()
            })
        findings.append(await oplog())
        findings.append(contentsOf: await collection())
        return findings
    }

    /// Creates the index that a backlog in the order of `SOURCE_FIELD_SEQUENCE` reads by, where there is none.
    /// The outbox itself needs no index beyond `_id`.
    public func setUp() async throws -> [String] {
        do {
            _ = try await ClusterIdentity(connection, endpoint: endpoint).load()
            return ["MongoDB: \(endpoint.stateDatabase).\(ClusterIdentity.identityCollection) is there"]
        } catch let failure as MongoFailure {
            throw failure.described(doing: "setting up \(endpoint.stateDatabase)", needing: grant)
        }
    }

    /// The commands that ``setUp()`` amounts to, for a person to run.
    public var setupCommands: [String] {
        [
            "-- in mongosh, database \(endpoint.stateDatabase); the relay does this itself at its first start:",
            "-- db.\(ClusterIdentity.identityCollection).updateOne({_id: \"cluster\"}, "
                + "{$setOnInsert: {cluster: UUID().toString()}}, {upsert: true, writeConcern: {w: \"majority\"}})",
        ]
    }

    private var grant: String {
        "read on database \(endpoint.database), readWrite on database \(endpoint.stateDatabase)"
    }

    private func now() async throws -> ClusterTime {
        let hello = try await connection.run(["hello": 1], on: "admin").document
        return (hello["operationTime"]?.timestamp).map { ClusterTime($0) } ?? ClusterTime(seconds: 1, increment: 0)
    }

    private func topology(_ hello: BSONDocument) -> Finding {
        if let name = hello["setName"]?.string {
            let hosts = hello["hosts"]?.array?.count ?? 0
            return Finding(.ok, "mongodb", "replica set \(name) with \(hosts) member\(hosts == 1 ? "" : "s")")
        }
        if hello["msg"]?.string == "isdbgrid" { return Finding(.ok, "mongodb", "a sharded cluster") }
        let failure = MongoFailure(code: MongoFailure.notReplicaSet, isFromServer: true, message: "")
        return Finding(.failure, "mongodb", failure.described(doing: "", needing: "").message)
    }

    private func oplog() async -> Finding {
        guard let window = try? await OplogWindow.read(connection) else {
            return Finding(
                .warning, "oplog",
                "how far the oplog reaches cannot be seen: grant `find` on local.oplog.rs to have the headroom in "
                    + "/status and /metrics")
        }
        let hours = window.seconds / 3600
        let text = "the oplog reaches back \((hours * 10).rounded() / 10) hours"
        return hours < 24 && window.seconds > 0
            ? Finding(
                .warning, "oplog",
                text + " now: an outage of the relay that is longer loses its place. Enlarge it with replSetResizeOplog"
            )
            : Finding(.ok, "oplog", text)
    }

    private func collection() async -> [Finding] {
        do {
            let uuid = try await ClusterIdentity(connection, endpoint: endpoint).collectionUUID()
            guard uuid != nil else {
                return [Finding(.warning, "source", "\(namespace) does not exist yet: the relay waits for it")]
            }
            var findings = [Finding(.ok, "source", "\(namespace) exists")]
            if let sequence = options.mapping.sequence {
                let indexes = try await connection.run(
                    ["listIndexes": .string(endpoint.collection)], on: endpoint.database)
                let has = (indexes.document[path: "cursor.firstBatch"]?.array ?? []).contains {
                    $0.document?["key"]?.document?.fields.first?.key == sequence
                }
                findings.append(
                    has
                        ? Finding(.ok, "source", "an index begins with \(sequence)")
                        : Finding(
                            .warning, "source",
                            "no index of \(namespace) begins with \(sequence): a large backlog is sorted on disk. "
                                + "Create {\(sequence): 1, _id: 1}"))
            }
            return findings
        } catch {
            return [failed(error, subject: "source", doing: "looking at \(namespace)")]
        }
    }

    private func attempt(_ subject: String, _ success: String, _ body: () async throws -> Void) async -> Finding {
        do {
            try await body()
            return Finding(.ok, subject, success)
        } catch {
            return failed(error, subject: subject, doing: success)
        }
    }

    private func failed(_ error: any Error, subject: String, doing what: String) -> Finding {
        let described =
            (error as? MongoFailure)?.described(doing: what, needing: grant) ?? RelayError.wrapping(error)
        return Finding(described.code == .unavailable ? .unreachable : .failure, subject, described.message)
    }
}
