import Foundation
import RelayMongoDB

/// A MongoDB deployment on free ports: a replica set `rs0` of one or three members, or one standalone server.
///
///     let mongo = try await MongoReplicaSet.start(in: folder, MongoOptions(members: 3))
///     let connection = mongo.connect()
///     try await mongo.stepDown()
package final class MongoReplicaSet: Sendable {
    /// The servers, in the order of the configuration.
    package let members: [MongoServer]
    let options: MongoOptions

    private init(members: [MongoServer], options: MongoOptions) {
        self.members = members
        self.options = options
    }

    /// Starts the servers, initiates the replica set and waits until it has a primary and every member is in step.
    /// - Throws: ``TestingError``, with the end of a log where there is one.
    package static func start(in folder: TestFolder, _ options: MongoOptions = MongoOptions()) async throws
        -> MongoReplicaSet
    {
        precondition([1, 3].contains(options.members), "a replica set has one or three members here")
        DriverLog.quieten()
        let program = try await ServerPrograms.mongod()
        var keyFile: String?
        if options.login != nil {
            let path = folder.path("mongo.key-\(UInt32.random(in: 0 ... .max))")
            try Data(UUID().uuidString.filter { $0 != "-" }.utf8).write(to: URL(fileURLWithPath: path))
            chmod(path, 0o600)
            keyFile = path
        }
        let label = UInt32.random(in: 0 ... .max)
        let members = try (1...(options.isStandalone ? 1 : options.members)).map { number in
            try MongoServer(
                program: program, name: "mongod", folder: folder.path("mongo-\(label)-\(number)"), keyFile: keyFile,
                options: options)
        }
        let set = MongoReplicaSet(members: members, options: options)
        do {
            for member in members { try await member.start() }
            if !options.isStandalone { try await set.initiate() }
            try await set.makeUser()
            if !options.isStandalone { try await set.waitUntilComplete() }
        } catch {
            await set.kill()
            throw error
        }
        return set
    }

    /// The connection string of the whole set.
    package func uri(database: String = "shop", options more: [String] = []) -> String {
        let own = options.isStandalone ? ["directConnection=true"] : ["replicaSet=rs0"]
        return MongoServer.uri(members.map(\.address), database, own + more, options.login)
    }

    /// A new connection to the primary, to be opened at its first use.
    package func connect(name: String = "test", socketTimeout: Duration = .seconds(30)) -> MongoConnection {
        MongoConnection(uri: uri(), name: name, socketTimeout: socketTimeout)
    }

    /// Runs a command on the primary, over a connection of its own.
    /// - Throws: `MongoFailure`.
    @discardableResult
    package func run(_ command: BSONDocument, on database: String = "shop") async throws -> BSONDocument {
        try await connect(name: "mongo-admin").run(command, on: database).document
    }

    /// Ends all servers by SIGTERM.
    package func stop() async {
        await withTaskGroup(of: Void.self) { group in
            for member in members { group.addTask { await member.stop() } }
        }
    }

    /// Ends all servers by SIGKILL: quicker where the data is thrown away anyhow.
    package func kill() async { for member in members { await member.kill() } }

    private func initiate() async throws {
        let configuration: BSONDocument = [
            "_id": "rs0", "version": 1,
            "members": .array(
                members.enumerated().map { index, member in
                    ["_id": .integer(index), "host": .string(member.address)]
                }),
            "settings": [
                "electionTimeoutMillis": .integer(options.electionTimeoutMilliseconds),
                "heartbeatIntervalMillis": 500,
            ],
        ]
        // Before there is a user the server lets whoever comes from its own machine do this.
        let connection = MongoConnection(
            uri: "mongodb://\(members[0].address)/?directConnection=true", name: "initiate", socketTimeout: .seconds(30)
        )
        do {
            _ = try await connection.run(["replSetInitiate": .document(configuration)], on: "admin")
        } catch {
            throw TestingError("the replica set could not be initiated: \(error)\n\(members[0].logTail)")
        }
        try await waiting(for: "the first election", within: options.startLimit) {
            try await connection.run(["hello": 1], on: "admin").document["isWritablePrimary"]?.bool == true ? true : nil
        }
    }

    private func makeUser() async throws {
        guard let login = options.login else { return }
        let connection = MongoConnection(
            uri: "mongodb://\(members[0].address)/?directConnection=true", name: "user", socketTimeout: .seconds(30))
        _ = try await connection.run(
            ["createUser": .string(login.name), "pwd": .string(login.password), "roles": ["root"]], on: "admin")
    }
}
