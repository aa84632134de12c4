import Synchronization

/// A MongoDB and a PostgreSQL in one temporary folder.
///
///     try await TestServers.with { servers in
///         let relay = RelayProcess(environment: servers.relayEnvironment(database: "shop"))
///         …
///     }
package final class TestServers: Sendable {
    /// Where their data, their logs and what tests write lie.
    package let folder: TestFolder
    package let mongo: MongoReplicaSet
    package let postgres: PostgresServer
    private let count = Mutex(0)

    private init(folder: TestFolder, mongo: MongoReplicaSet, postgres: PostgresServer) {
        self.folder = folder
        self.mongo = mongo
        self.postgres = postgres
    }

    /// Starts both.
    /// - Throws: ``TestingError`` when one does not start; nothing is left behind then.
    package static func start(mongo: MongoOptions = MongoOptions(), postgresSettings: [String] = []) async throws
        -> TestServers
    {
        let folder = try await TestFolder()
        do {
            async let first = MongoReplicaSet.start(in: folder, mongo)
            async let second = PostgresServer.start(in: folder, settings: postgresSettings)
            return try await TestServers(folder: folder, mongo: first, postgres: second)
        } catch {
            folder.remove()
            throw error
        }
    }

    /// Starts both for `body` and stops them afterwards, whatever it did.
    package static func with<Answer: Sendable>(
        mongo: MongoOptions = MongoOptions(), postgresSettings: [String] = [],
        _ body: (TestServers) async throws -> Answer
    ) async throws -> Answer {
        let servers = try await start(mongo: mongo, postgresSettings: postgresSettings)
        do {
            let answer = try await body(servers)
            await servers.stop()
            return answer
        } catch {
            await servers.stop()
            throw error
        }
    }

    /// A pair that all tests of this process share, a replica set of one member, started at the first call. Each test
    /// takes names of its own (``uniqueName(_:)``) and breaks neither server. It ends with the process.
    package static func shared() async throws -> TestServers { try await sharedStart.value }

    private static let sharedStart = Task { try await start() }

    /// Stops both and removes the folder. The data is thrown away, so they are killed.
    package func stop() async {
        await mongo.kill()
        await postgres.stop(.immediate)
        folder.remove()
    }

    /// A name that no other test of these servers has, for a database in either.
    package func uniqueName(_ prefix: String = "test") -> String {
        let number = count.withLock { count in
            count += 1
            return count
        }
        return "\(prefix)\(number)"
    }

    /// What a relay needs to run between these two: the service's database in MongoDB, and one in PostgreSQL that
    /// exists.
    package func relayEnvironment(database: String = "shop", queue: String = "postgres") -> [String: String] {
        ["MONGODB_URI": mongo.uri(database: database), "DESTINATION_URL": postgres.url(database: queue)]
    }
}
