import Logging
import RelayCore
import RelayMongoDB
import RelayPostgreSQL
import RelayTesting
import Testing

/// Where a pipeline's state may lie.
enum StateBackend: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case postgresql, mongodb

    var testDescription: String { rawValue }

    /// A rig on the servers that all tests share.
    func rig() async throws -> any StoreRig {
        let servers = try await TestServers.shared()
        switch self {
        case .postgresql: return try await PostgresStoreRig(servers)
        case .mongodb: return MongoStoreRig(servers.mongo, database: servers.uniqueName("state"))
        }
    }
}

/// A pipeline whose state lies in a PostgreSQL database of its own.
struct PostgresStoreRig: StoreRig {
    private let servers: TestServers
    private let database: String
    private let options: NativeQueue.Options

    init(_ servers: TestServers) async throws {
        self.servers = servers
        database = servers.uniqueName("state")
        try await servers.postgres.createDatabase(database)
        options = NativeQueue.Options(
            url: servers.postgres.url(database: database), pipeline: "shop.outbox/default", holder: "a test")
    }

    func open() -> any StateStore { NativeQueue(options, logger: .quiet) }

    var administration: any DestinationAdministration { QueueAdministration(options) }

    func write(
        _ write: ConformanceWrite, to store: any StateStore, after state: StoredState, under grant: LeaseGrant
    ) async throws -> StoredState {
        guard let queue = store as? NativeQueue else { throw TestingError("that is no native queue") }
        return try await queue.deliver(write.batch(), after: state, under: grant).state
    }

    func loseConnections() async throws {
        try await servers.postgres.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                + "WHERE datname = '\(database)' AND pid <> pg_backend_pid()")
    }
}

/// A pipeline whose state lies in a MongoDB database of its own.
struct MongoStoreRig: StoreRig {
    let mongo: MongoReplicaSet
    let database: String
    let options: MongoStateStore.Options

    init(
        _ mongo: MongoReplicaSet, database: String, pipeline: String = "shop.outbox/billing", uri: String? = nil,
        createsCollections: Bool = true
    ) {
        self.mongo = mongo
        self.database = database
        options = MongoStateStore.Options(
            endpoint: MongoEndpoint(
                uri: uri ?? mongo.uri(database: "shop"), database: "shop", stateDatabase: database,
                collection: "outbox"),
            pipeline: pipeline, createsCollections: createsCollections, holder: "a test")
    }

    func store() -> MongoStateStore { MongoStateStore(options, logger: .quiet) }

    func open() -> any StateStore { store() }

    var administration: any DestinationAdministration { MongoAdministration(options) }

    func write(
        _ write: ConformanceWrite, to store: any StateStore, after state: StoredState, under grant: LeaseGrant
    ) async throws -> StoredState {
        guard let store = store as? MongoStateStore else { throw TestingError("that is no store in MongoDB") }
        return try await store.settle(write.settlement(after: state), after: state, under: grant)
    }

    func loseConnections() async throws {
        // The server hangs up on the next few who touch the pipeline's state.
        try await mongo.failCommands(
            ["find", "findAndModify", "update", "commitTransaction"], times: 4, closesConnection: true,
            namespace: "\(database).outbox_relay_checkpoints")
    }

    /// Runs a command in the state's database.
    @discardableResult
    func run(_ command: BSONDocument) async throws -> BSONDocument { try await mongo.run(command, on: database) }

    /// All documents of a collection.
    func documents(_ collection: StateCollection, _ filter: BSONDocument = [:]) async throws -> [BSONDocument] {
        let reply = try await run([
            "find": .string(collection.rawValue), "filter": .document(filter), "sort": ["_id": 1], "batchSize": 10_000,
        ])
        return (reply[path: "cursor.firstBatch"]?.array ?? []).compactMap(\.document)
    }

    /// How many documents a collection holds.
    func count(_ collection: StateCollection) async throws -> Int {
        try await run(["count": .string(collection.rawValue)])["n"]?.int ?? -1
    }
}

extension Logger {
    /// A logger that says nothing: what these tests provoke would fill the screen.
    static var quiet: Logger { Logger(label: "state-tests") { _ in SwiftLogNoOpLogHandler() } }
}

/// A MongoDB of the test's own, for what disturbs servers.
func withMongo<Answer: Sendable>(
    _ options: MongoOptions = MongoOptions(), _ body: (MongoReplicaSet) async throws -> Answer
) async throws -> Answer {
    let folder = try await TestFolder()
    defer { folder.remove() }
    let mongo = try await MongoReplicaSet.start(in: folder, options)
    do {
        let answer = try await body(mongo)
        await mongo.kill()
        return answer
    } catch {
        await mongo.kill()
        throw error
    }
}
