import RelayCore

/// Looks at what cleaning up needs for `check`, and makes it for `setup`.
public struct CleanupInspector: Sendable {
    private let options: Cleaner.Options
    private let connection: MongoConnection

    /// An inspector for a cleaner with these options.
    public init(_ options: Cleaner.Options) {
        self.options = options
        connection = MongoConnection(uri: options.endpoint.uri, name: "mongo-check", socketTimeout: .seconds(5))
    }

    private var database: String { options.endpoint.database }

    /// What there is to say.
    public func findings() async -> [Finding] {
        var findings: [Finding] = []
        for collection in options.collections {
            findings.append(await privileges(collection))
            if options.mode == .mark { findings.append(await index(collection)) }
        }
        return findings
    }

    /// Makes the TTL index, where marked documents have none.
    public func setUp() async throws -> [String] {
        guard options.mode == .mark else { return [] }
        var lines: [String] = []
        for collection in options.collections {
            do {
                if try await expiry(collection) == nil {
                    _ = try await connection.perform { [database] in
                        try $0.write(Self.createIndex(collection), on: database)
                    }
                }
                lines.append("MongoDB: \(database).\(collection) has an index on \(OutboxCleanup.markField)")
            } catch {
                throw StateFailure.described(error, doing: "creating the TTL index", database: database)
            }
        }
        return lines
    }

    /// The same for a person to run.
    public var setupCommands: [String] {
        guard options.mode == .mark else { return [] }
        return ["-- in mongosh, database \(database); keeps marked documents for 7 days:"]
            + options.collections.map {
                "db.getCollection(\"\($0)\").createIndex({\(OutboxCleanup.markField): 1}, "
                    + "{name: \"\(OutboxCleanup.indexName)\", expireAfterSeconds: \(Self.seconds)})"
            }
    }

    private static let seconds = Int(OutboxCleanup.keptFor / .seconds(1))

    private static func createIndex(_ collection: String) -> BSONDocument {
        [
            "createIndexes": .string(collection),
            "indexes": [
                [
                    "key": .document([OutboxCleanup.markField: 1]), "name": .string(OutboxCleanup.indexName),
                    "expireAfterSeconds": .integer(seconds),
                ]
            ], "writeConcern": MongoStateStore.majority,
        ]
    }

    /// Cleans up nothing, in a transaction that is undone: what may not be done is refused all the same.
    private func privileges(_ collection: String) async -> Finding {
        let namespace = "\(database).\(collection)"
        let command = options.strategy(collection).command([
            CleanupItem(id: .other(.minKey, []), elements: [.other(.minKey, [])], hash: 0)
        ])
        let database = database
        do {
            try await connection.perform { connection in
                try connection.startTransaction()
                defer { try? connection.abortTransaction() }
                try connection.write(command, on: database, inSession: true)
            }
            return Finding(.ok, "cleanup", "settled events in \(namespace) can be cleaned up")
        } catch let failure as MongoFailure where failure.code == MongoFailure.unauthorized && failure.isFromServer {
            let action = options.mode == .delete && !isEmbedded ? "remove" : "update"
            return Finding(
                .failure, "cleanup",
                "SOURCE_CLEANUP=\(options.mode.rawValue) needs the privilege to \(action) documents of \(namespace): grant "
                    + "role `readWrite` on database \(database), or a role with `\(action)` on that collection")
        } catch {
            let error = StateFailure.described(error, doing: "trying to clean up \(namespace)", database: database)
            return Finding(error.code == .unavailable ? .unreachable : .failure, "cleanup", error.message)
        }
    }

    private var isEmbedded: Bool { if case .embedded = options.layout { true } else { false } }

    private func index(_ collection: String) async -> Finding {
        let namespace = "\(database).\(collection)"
        let field = OutboxCleanup.markField
        do {
            switch try await expiry(collection) {
            case nil:
                return Finding(
                    .warning, "cleanup",
                    "no index of \(namespace) begins with \(field): marked documents are never removed, and looking for "
                        + "new ones reads the whole collection. Run `outbox-relay setup`, or create {\(field): 1} with "
                        + "expireAfterSeconds")
            case .some(nil):
                return Finding(
                    .warning, "cleanup",
                    "the index on \(field) of \(namespace) has no expireAfterSeconds: marked documents are kept until "
                        + "somebody removes them")
            case .some(.some(let seconds)):
                return Finding(.ok, "cleanup", "\(namespace) keeps marked documents for \(seconds) s")
            }
        } catch {
            let error = StateFailure.described(
                error, doing: "looking at the indexes of \(namespace)", database: database)
            return Finding(.failure, "cleanup", error.message)
        }
    }

    /// After how many seconds the index on the mark removes documents; `.some(nil)` for one that does not, nil where
    /// there is none.
    private func expiry(_ collection: String) async throws -> Int?? {
        let database = database
        let indexes: [BSONDocument]
        do {
            indexes = try await connection.perform {
                try $0.all(["listIndexes": .string(collection)], on: database) { try BSONDocument(copying: $0) }
            }
        } catch let failure as MongoFailure where failure.code == MongoFailure.namespaceNotFound {
            return nil
        }
        let found = indexes.first { $0["key"]?.document?.fields.first?.key == OutboxCleanup.markField }
        return found.map { $0["expireAfterSeconds"]?.int }
    }
}
