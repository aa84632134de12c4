import Foundation
import Synchronization

/// A server program on one port: what MongoDB's and PostgreSQL's have in common.
final class ServerProcess: Sendable {
    /// What it is called in messages.
    let name: String
    /// Where its log goes, over all its starts.
    let log: String
    private let state: Mutex<(child: ChildProcess?, port: UInt16)>

    init(name: String, log: String) {
        self.name = name
        self.log = log
        state = Mutex((nil, 0))
    }

    /// The port; the same over restarts, 0 before the first start.
    var port: UInt16 { state.withLock { $0.port } }
    /// The running child, or the last one.
    var child: ChildProcess? { state.withLock { $0.child } }
    var isRunning: Bool { child?.isRunning ?? false }

    /// The process id; nil while it does not run.
    var pid: pid_t? { child.flatMap { $0.isRunning ? $0.pid : nil } }

    /// Starts the server and waits until `isReady` says so. The first start looks for a port and tries another one
    /// when somebody else was faster; later starts keep it.
    /// - Throws: ``TestingError`` with the log's end when the server ends or is not ready in time.
    func start(
        within limit: Duration, launch: (UInt16) -> Launch, isReady: (UInt16) async throws -> Bool
    ) async throws {
        guard !isRunning else { return }
        let known = port
        for attempt in 1...10 {
            let port = try known == 0 ? FreePort.next() : known
            let logStart = size(of: log)
            let child = try await ChildProcess(launch(port))
            state.withLock { $0 = (child, port) }
            do {
                try await waiting(for: "\(name) on port \(port) to be ready", within: limit, every: .milliseconds(50)) {
                    () -> Bool? in
                    if let status = child.status {
                        throw GivingUp(TestingError("\(name) ended with \(status) while it started.\(logNote(log))"))
                    }
                    guard FreePort.answers(port), try await isReady(port) else { return nil }
                    return true
                }
                return
            } catch {
                let lostPort = !child.isRunning && hasLostPort(since: logStart)
                await child.end(by: SIGKILL, within: .zero)
                guard lostPort, attempt < 10 else {
                    throw child.status == .signal(SIGKILL) && error is TestingError
                        ? TestingError("\(error).\(logNote(log))") : error
                }
                // Another run has the port now; of a restart, it may be about to give it back.
                if known != 0 { await pause(.milliseconds(300)) }
            }
        }
    }

    /// Asks the server to end by `signal`, insists after `limit`. Nothing happens when it does not run.
    @discardableResult
    func end(by signal: Int32, within limit: Duration) async -> ExitStatus? {
        await child?.end(by: signal, within: limit)
    }

    /// Halts the server and all its processes, as a machine that hangs; connections stay open.
    func freeze() { child?.sendToTree(SIGSTOP) }

    /// Lets the server go on after ``freeze()``.
    func resume() { child?.sendToTree(SIGCONT) }

    /// Whether the server wrote to its log that the port was taken.
    private func hasLostPort(since start: Int) -> Bool {
        guard let data = FileManager.default.contents(atPath: log) else { return false }
        return String(decoding: data.dropFirst(start), as: UTF8.self).contains("Address already in use")
    }

    private func size(of path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    }
}
