import RelayCore

/// Looks at the source's MongoDB for `check`, and makes what `setup` makes there.
public struct MongoInspector: Sendable {
    private let connection: MongoConnection
    private let options: MongoSource.Options

    /// An inspector for the source with these options.
    public init(_ options: MongoSource.Options) {
        self.options = options
        connection = MongoConnection(uri: options.endpoint.uri, name: "mongo-check", socketTimeout: .seconds(5))
    }

    private var endpoint: MongoEndpoint { options.endpoint }
    private var namespace: String { options.namespace }

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
                var cursor = StreamCursor(
                    connection, database: endpoint.database, shape: options.maker(connection).shape)
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
                + (try await keepImages())
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
            + (options.kind == .changes && options.images.needsStoredImages
                ? options.collections.map {
                    "db.getSiblingDB(\"\(endpoint.database)\").runCommand({collMod: \"\($0)\", "
                        + "changeStreamPreAndPostImages: {enabled: true}})"
                } : [])
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
            var findings: [Finding] = []
            for name in options.collections {
                let found = try await connection.run(
                    ["listCollections": 1, "filter": ["name": .string(name)]], on: endpoint.database
                ).document[path: "cursor.firstBatch.0"]?.document
                guard let found else {
                    findings.append(
                        Finding(
                            .warning, "source",
                            "\(endpoint.database).\(name) does not exist yet: the relay waits for it"))
                    continue
                }
                findings.append(Finding(.ok, "source", "\(endpoint.database).\(name) exists"))
                findings += images(of: name, found)
            }
            if let sequence = options.backlogSequence {
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

    /// Whether a collection keeps the images that are asked for.
    private func images(of name: String, _ description: BSONDocument) -> [Finding] {
        guard options.kind == .changes, options.images.needsStoredImages else { return [] }
        if description[path: "options.changeStreamPreAndPostImages.enabled"]?.bool == true {
            return [Finding(.ok, "source", "\(endpoint.database).\(name) keeps pre- and post-images")]
        }
        return [
            Finding(
                .warning, "source",
                "\(endpoint.database).\(name) keeps no images, so changes come without what SOURCE_IMAGES="
                    + "\(options.images.rawValue) asks for. Run `outbox-relay setup`, or "
                    + "db.runCommand({collMod: \"\(name)\", changeStreamPreAndPostImages: {enabled: true}})")
        ]
    }

    /// Lets the collections keep images where a source needs them; returns what to say of it.
    private func keepImages() async throws -> [String] {
        guard options.kind == .changes, options.images.needsStoredImages else { return [] }
        var lines: [String] = []
        for name in try await SourceReading.collectionNames(connection, options) {
            do {
                _ = try await connection.run(
                    ["collMod": .string(name), "changeStreamPreAndPostImages": ["enabled": true]], on: endpoint.database
                )
                lines.append("MongoDB: \(endpoint.database).\(name) keeps pre- and post-images")
            } catch let failure as MongoFailure where failure.code == MongoFailure.namespaceNotFound {
                _ = try await connection.run(
                    ["create": .string(name), "changeStreamPreAndPostImages": ["enabled": true]], on: endpoint.database)
                lines.append("MongoDB: \(endpoint.database).\(name) was made, and keeps pre- and post-images")
            }
        }
        return lines
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
