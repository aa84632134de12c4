import Foundation
import RelayMongoDB

/// One `mongod` on a free port of 127.0.0.1. It ends with the last reference and with this process.
package final class MongoServer: Sendable {
    private let process: ServerProcess
    private let program: String
    private let folder: String
    private let keyFile: String?
    private let options: MongoOptions

    /// A server that keeps its data in `folder`, which is made. It does not run yet.
    init(program: String, name: String, folder: String, keyFile: String?, options: MongoOptions) throws {
        self.program = program
        self.folder = folder
        self.keyFile = keyFile
        self.options = options
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        process = ServerProcess(name: name, log: "\(folder).log")
    }

    /// The port; the same over restarts.
    package var port: UInt16 { process.port }
    /// `127.0.0.1:PORT`, as the replica set's members are called.
    package var address: String { "127.0.0.1:\(port)" }
    /// The process id; nil while it does not run.
    package var pid: pid_t? { process.pid }
    /// Whether the process is there, frozen or not.
    package var isRunning: Bool { process.isRunning }
    /// The end of the server's log, for messages.
    package var logTail: String { tail(of: process.log) }

    /// A URI of this one server, whatever its role.
    package var uri: String { Self.uri([address], "admin", ["directConnection=true"], options.login) }

    /// Starts the server, on the port that it had before; returns when it answers.
    /// - Throws: ``TestingError`` with the log's end.
    package func start() async throws {
        try await process.start(within: options.startLimit, launch: launch) { port in
            // Without a login, and with a new connection each time: a known failure makes the driver wait 5 s.
            let connection = MongoConnection(
                uri: "mongodb://127.0.0.1:\(port)/?directConnection=true", name: "ready", socketTimeout: .seconds(5))
            return try await connection.run(["ping": 1], on: "admin").document["ok"]?.double == 1
        }
    }

    /// Ends the server by SIGTERM, as an operator does.
    package func stop() async { await process.end(by: SIGTERM, within: .seconds(30)) }

    /// Ends the server by SIGKILL, as a crash does.
    package func kill() async { await process.end(by: SIGKILL, within: .zero) }

    /// Stops and starts the server on the same port.
    package func restart() async throws {
        await stop()
        try await start()
    }

    /// Halts the process, as a machine that hangs; its connections stay open.
    package func freeze() { process.freeze() }

    /// Lets the process go on after ``freeze()``.
    package func resume() { process.resume() }

    /// Runs a command on this server, whatever its role, over a connection of its own.
    /// - Throws: `MongoFailure`.
    @discardableResult
    package func run(_ command: BSONDocument, on database: String = "admin") async throws -> BSONDocument {
        try await MongoConnection(uri: uri, name: "mongo-admin", socketTimeout: .seconds(20))
            .run(command, on: database).document
    }

    static func uri(_ hosts: [String], _ database: String, _ options: [String], _ login: MongoOptions.Login?) -> String
    {
        let user = login.map { "\($0.name):\($0.password)@" } ?? ""
        let options = options + (login == nil ? [] : ["authSource=admin"])
        let query = options.isEmpty ? "" : "?\(options.joined(separator: "&"))"
        return "mongodb://\(user)\(hosts.joined(separator: ","))/\(database)\(query)"
    }

    private func launch(port: UInt16) -> Launch {
        var arguments = [
            "--dbpath", folder, "--port", "\(port)", "--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet",
            "--wiredTigerCacheSizeGB", "\(options.cacheGigabytes)",
        ]
        if !options.isStandalone {
            arguments += ["--replSet", "rs0", "--oplogSize", "\(options.oplogMegabytes)"]
        }
        if let keyFile { arguments += ["--keyFile", keyFile] }
        // Test commands are the fail points; the diagnostics would only cost disk and processor time; a primary that
        // is stopped gives the others 5 s instead of 15 to catch up.
        let parameters = [
            "enableTestCommands": "1", "diagnosticDataCollectionEnabled": "false",
            "shutdownTimeoutMillisForSignaledShutdown": "5000",
        ].merging(options.parameters) { $1 }
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) {
            arguments += ["--setParameter", "\(name)=\(value)"]
        }
        var launch = Launch(
            program: program, arguments: arguments + options.arguments,
            environment: ["PATH": "/usr/bin:/bin", "HOME": folder, "LC_ALL": "C"])
        launch.output = .file(process.log)
        launch.error = .file(process.log)
        return launch
    }
}
