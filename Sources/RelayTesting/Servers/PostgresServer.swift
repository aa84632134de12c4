import Foundation
import RelayPostgreSQL

/// One PostgreSQL server on a free port of 127.0.0.1, with `fsync` on as in production. It ends with the last
/// reference and with this process. As root it runs as the user `postgres`.
package final class PostgresServer: Sendable {
    private let process: ServerProcess
    private let programs: String
    private let data: String
    private let settings: [String]
    private let user: String?

    /// How a server is asked to end.
    package enum StopMode: Sendable {
        /// Open transactions are rolled back, connections closed, everything written.
        case fast
        /// As after a crash: the next start recovers.
        case immediate
    }

    private init(programs: String, data: String, settings: [String], user: String?) {
        self.programs = programs
        self.data = data
        self.settings = settings
        self.user = user
        process = ServerProcess(name: "postgres", log: "\(data).log")
    }

    /// Makes a cluster in `folder` and starts it.
    /// - Parameter settings: `name=value`, as in `postgresql.conf`.
    /// - Throws: ``TestingError``, with the end of the log where there is one.
    package static func start(in folder: TestFolder, settings: [String] = []) async throws -> PostgresServer {
        let programs = try await ServerPrograms.postgres()
        let data = folder.path("pg-\(UInt32.random(in: 0 ... .max))")
        let user = geteuid() == 0 ? "postgres" : nil
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        chmod(data, 0o700)
        if let user {
            guard let entry = getpwnam(user) else {
                throw TestingError(
                    "PostgreSQL does not run as root, and there is no user postgres: run as another user")
            }
            chown(data, entry.pointee.pw_uid, entry.pointee.pw_gid)
        }
        let server = PostgresServer(programs: programs, data: data, settings: settings, user: user)
        let made = try await Command.run(
            "\(programs)/initdb",
            ["-D", data, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
            environment: environment, as: user, within: .seconds(60))
        guard made.exitCode == 0 else {
            throw TestingError("initdb failed (\(made.status)): \(made.error.suffix(2000))")
        }
        try await server.start()
        return server
    }

    /// The port; the same over restarts.
    package var port: UInt16 { process.port }
    /// The process id of the postmaster; nil while it does not run.
    package var pid: pid_t? { process.pid }
    /// Whether the postmaster is there, frozen or not.
    package var isRunning: Bool { process.isRunning }
    /// The end of the server's log, for messages.
    package var logTail: String { tail(of: process.log) }
    /// The folder of the cluster's data.
    package var dataFolder: String { data }

    /// The URL of a database, for the superuser `postgres` unless another role is named.
    package func url(database: String = "postgres", user: String = "postgres") -> String {
        "postgresql://\(user)@127.0.0.1:\(port)/\(database)"
    }

    /// A new connection, to be opened at its first use.
    package func connect(database: String = "postgres", name: String = "test") -> PGConnection {
        PGConnection(url: url(database: database), name: name)
    }

    /// Runs one statement over a connection of its own.
    /// - Throws: `RelayError`.
    @discardableResult
    package func query(_ sql: String, database: String = "postgres", within limit: Duration = .seconds(30)) async throws
        -> PGRows
    {
        try await connect(database: database, name: "pg-admin").query(PGStatement(sql), within: limit)
    }

    /// Makes an empty database.
    /// - Returns: its URL.
    @discardableResult
    package func createDatabase(_ name: String) async throws -> String {
        try await query("CREATE DATABASE \"\(name)\"")
        return url(database: name)
    }

    /// Starts the server, on the port that it had before; returns when it takes queries.
    /// - Throws: ``TestingError`` with the log's end.
    package func start() async throws {
        try await process.start(within: .seconds(60), launch: launch) { port in
            let connection = PGConnection(url: "postgresql://postgres@127.0.0.1:\(port)/postgres", name: "ready")
            return try await connection.query(PGStatement("SELECT 1"), within: .seconds(5)).count == 1
        }
    }

    /// Ends the server in an orderly way or as a crash does.
    package func stop(_ mode: StopMode = .fast) async {
        await process.end(by: mode == .fast ? SIGINT : SIGQUIT, within: .seconds(30))
    }

    /// Stops and starts the server on the same port.
    package func restart(_ mode: StopMode = .fast) async throws {
        await stop(mode)
        try await start()
    }

    /// Halts all of the server's processes, as a machine that hangs; connections stay open.
    package func freeze() { process.freeze() }

    /// Lets the server go on after ``freeze()``.
    package func resume() { process.resume() }

    private static let environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"]

    private func launch(port: UInt16) -> Launch {
        var arguments = ["-D", data]
        // TCP only: the path of a Unix socket may have 107 bytes, and a temporary folder's can be longer.
        let own = [
            "listen_addresses=127.0.0.1", "port=\(port)", "unix_socket_directories=", "max_connections=200",
            "logging_collector=off", "lc_messages=C", "log_line_prefix=%m [%p] ",
        ]
        for setting in own + settings { arguments += ["-c", setting] }
        var launch = Launch(program: "\(programs)/postgres", arguments: arguments, environment: Self.environment)
        launch.output = .file(process.log)
        launch.error = .file(process.log)
        launch.user = user
        return launch
    }
}
