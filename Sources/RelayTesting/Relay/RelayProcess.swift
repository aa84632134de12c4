import Foundation
import Synchronization

/// The real `outbox-relay` as a process of its own, with an environment of its own. It ends with the last reference,
/// which is the last mention of it, not the end of a scope (the compiler lets arrays go early), and with this process.
///
///     let relay = try RelayProcess(folder: folder, environment: servers.relayEnvironment())
///     try await relay.start()
///     try await relay.waitUntilStreaming()
///     relay.kill()
package final class RelayProcess: Sendable {
    /// The port of its health, status and metrics.
    package let port: UInt16
    /// Where everything that it writes goes, over all its starts.
    package let log: String
    private let program: String
    private let environment: Mutex<[String: String]>
    private let arguments: [String]
    private let child = Mutex<ChildProcess?>(nil)

    /// A relay that does not run yet.
    /// - Parameters:
    ///   - folder: where its log goes.
    ///   - environment: its variables; HTTP host and port are added where they are not given.
    ///   - arguments: the command line.
    /// - Throws: ``TestingError`` when the program has not been built.
    package init(folder: TestFolder, environment: [String: String], arguments: [String] = ["run"]) throws {
        program = try ServerPrograms.relay()
        let given = environment["RELAY_HTTP_PORT"].flatMap { UInt16($0) }
        port = try given ?? FreePort.next()
        log = folder.path("relay-\(port)-\(UInt32.random(in: 0 ... .max)).log")
        self.arguments = arguments
        self.environment = Mutex(
            Self.surroundings
                .merging(["RELAY_HTTP_HOST": "127.0.0.1", "RELAY_HTTP_PORT": "\(port)"]) { $1 }
                .merging(environment) { $1 })
    }

    /// The process id; nil while it does not run.
    package var pid: pid_t? { running?.pid }
    /// Whether the process is there, frozen or not.
    package var isRunning: Bool { running != nil }
    /// How the last process ended; nil while one runs and before the first.
    package var exitStatus: ExitStatus? { child.withLock { $0?.status } }
    /// The end of what it wrote.
    package var logTail: String { tail(of: log) }
    /// Everything that it wrote.
    package var logText: String {
        String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
    }

    /// Memory in RAM now, in bytes.
    package var residentBytes: Int? { pid.flatMap { ProcessFacts.residentBytes(of: $0) } }
    /// The most memory in RAM since the start, in bytes.
    package var peakResidentBytes: Int? { pid.flatMap { ProcessFacts.peakResidentBytes(of: $0) } }
    /// Processor time since the start.
    package var processorTime: Duration? { pid.flatMap { ProcessFacts.processorTime(of: $0) } }

    /// Sets a variable for the next start; nil takes it away.
    package func setVariable(_ name: String, to value: String?) { environment.withLock { $0[name] = value } }

    /// Starts the process; it need not be ready when this returns.
    /// - Throws: ``TestingError`` when it cannot be started or runs already.
    package func start() async throws {
        guard !isRunning else { throw TestingError("this relay runs already") }
        var launch = Launch(program: program, arguments: arguments, environment: environment.withLock { $0 })
        launch.output = .file(log)
        launch.error = .file(log)
        let started = try await ChildProcess(launch)
        child.withLock { $0 = started }
    }

    /// Sends SIGTERM and waits for the end.
    /// - Returns: how it ended; SIGKILL when it had to be helped after `limit`.
    @discardableResult
    package func terminate(within limit: Duration = .seconds(30)) async -> ExitStatus? {
        await child.withLock { $0 }?.end(by: SIGTERM, within: limit)
    }

    /// Sends SIGKILL and waits until the process is gone, so that it can be started again.
    package func kill() async { await child.withLock { $0 }?.end(by: SIGKILL, within: .zero) }

    /// Waits for the process to end by itself; nil when it has not in time.
    package func waitForExit(within limit: Duration) async -> ExitStatus? {
        await child.withLock { $0 }?.exit(within: limit)
    }

    /// Halts the process, as a machine that hangs; its connections stay open.
    package func freeze() { running?.sendToTree(SIGSTOP) }

    /// Lets the process go on after ``freeze()``.
    package func resume() { running?.sendToTree(SIGCONT) }

    /// Runs a one-shot command of the relay with the variables of this one and waits for its end.
    package func command(_ arguments: [String], within limit: Duration = .seconds(60)) async throws -> CommandResult {
        try await Self.run(arguments, environment: environment.withLock { $0 }, within: limit)
    }

    /// Runs the relay's program to its end, with nothing but these variables.
    package static func run(_ arguments: [String], environment: [String: String], within limit: Duration = .seconds(60))
        async throws -> CommandResult
    {
        try await Command.run(
            ServerPrograms.relay(), arguments, environment: surroundings.merging(environment) { $1 }, within: limit)
    }

    private var running: ChildProcess? { child.withLock { $0.flatMap { $0.isRunning ? $0 : nil } } }

    /// What every process has, and no variable of ours from the outside.
    private static var surroundings: [String: String] {
        ProcessInfo.processInfo.environment.filter {
            ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "SWIFT_BACKTRACE"].contains($0.key)
        }
    }
}
