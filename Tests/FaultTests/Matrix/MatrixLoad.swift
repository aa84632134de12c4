import RelayMongoDB
import RelayTesting
import Synchronization

/// Writers of one kind of source, each with documents of its own, so that the order of every document's writes is
/// known.
final class MatrixLoad: Sendable {
    private let source: MatrixSource
    private let servers: TestServers
    private let database: String
    private let isOver = Atomic(false)
    private let written = Atomic(0)

    init(_ source: MatrixSource, _ servers: TestServers, database: String) async throws {
        self.source = source
        self.servers = servers
        self.database = database
        // Inside of a transaction a collection would be made under a lock that the others wait for.
        for name in ["orders", "outbox"] { try await servers.mongo.run(["create": .string(name)], on: database) }
    }

    /// Writes so far.
    var count: Int { written.load(ordering: .relaxed) }

    /// Ends the writing, once there was enough of it.
    func stop() { isOver.store(true, ordering: .relaxed) }

    /// Writes until stopped, by four writers side by side.
    /// - Returns: what has to be delivered of each document, by its key, in order.
    func run(atLeast least: Int) async throws -> [String: [String]] {
        try await withThrowingTaskGroup(of: [MatrixSource.Document].self) { group in
            for writer in 0..<4 { group.addTask { try await self.write(writer, atLeast: least / 4) } }
            var expected: [String: [String]] = [:]
            for try await documents in group {
                for document in documents where !document.expected.isEmpty {
                    expected[document.key] = document.expected
                }
            }
            return expected
        }
    }

    private func write(_ writer: Int, atLeast least: Int) async throws -> [MatrixSource.Document] {
        let connection = servers.mongo.connect()
        var documents = (0..<30).map { MatrixSource.Document(key: "w\(writer)-\($0)") }
        var count = 0
        while count < least || !isOver.load(ordering: .relaxed) {
            try Task.checkCancellation()
            let commands = (0..<(Int.random(in: 0..<5) == 0 ? 3 : 1)).flatMap { _ in
                source.write(&documents[Int.random(in: 0..<documents.count)])
            }
            try await send(commands, on: connection)
            count += 1
            written.add(1, ordering: .relaxed)
            try await Task.sleep(for: .milliseconds(.random(in: 1...8)))
        }
        return documents
    }

    /// Several are a transaction, which is tried again when the relay's own clean-up was faster.
    private func send(_ commands: [BSONDocument], on connection: MongoConnection) async throws {
        let isTransaction = commands.count > 1
        while true {
            do {
                if isTransaction { try await connection.startTransaction() }
                for command in commands {
                    let reply = try await connection.run(command, on: database, inSession: isTransaction).document
                    guard reply["n"]?.int == 1 else {
                        throw TestingError(
                            "a write of \(source) met nothing: \(reply[path: "writeErrors.0.errmsg"] ?? nil)")
                    }
                }
                if isTransaction { try await connection.commitTransaction() }
                return
            } catch let failure as MongoFailure
                where isTransaction && failure.labels.contains("TransientTransactionError")
            {
                try? await connection.abortTransaction()
                try await Task.sleep(for: .milliseconds(.random(in: 1...10)))
            }
        }
    }
}
