import Foundation
import Synchronization

/// How a process ended.
package enum ExitStatus: Sendable, Hashable, CustomStringConvertible {
    /// By itself, with this code.
    case code(Int32)
    /// By this signal.
    case signal(Int32)

    /// The exit code; nil when a signal ended it.
    package var exitCode: Int32? { if case .code(let code) = self { code } else { nil } }
    package var description: String {
        switch self {
        case .code(let code): "exit code \(code)"
        case .signal(let signal): "signal \(signal)"
        }
    }
}

/// A child process. It is killed when the last reference goes, unless it has ended before.
final class ChildProcess: Sendable {
    let pid: pid_t
    private let state: State

    private final class State: Sendable {
        let status = Mutex<ExitStatus?>(nil)
    }

    /// Starts a child.
    /// - Throws: ``TestingError`` when the program cannot be started.
    init(_ launch: Launch) async throws {
        let pid = try await Spawner.shared.spawn(launch)
        let state = State()
        self.pid = pid
        self.state = state
        let reaper = Thread {
            // First only look: while the child is unreaped its number cannot pass to another process, so whoever
            // holds the lock may signal it.
            var information = siginfo_t()
            while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
            state.status.withLock { status in
                var code: Int32 = 0
                while waitpid(pid, &code, 0) == -1, errno == EINTR {}
                let signal = code & 0x7f
                status = signal == 0 ? .code(code >> 8 & 0xff) : .signal(signal)
            }
        }
        reaper.name = "reaper"
        reaper.stackSize = 256 << 10
        reaper.start()
    }

    deinit { send(SIGKILL) }

    /// How it ended; nil while it runs.
    var status: ExitStatus? { state.status.withLock { $0 } }
    var isRunning: Bool { status == nil }

    /// Sends a signal, unless the child has ended.
    func send(_ signal: Int32) {
        state.status.withLock { if $0 == nil { _ = Glibc.kill(pid, signal) } }
    }

    /// Sends a signal to the child and to all its descendants, unless the child has ended.
    func sendToTree(_ signal: Int32) {
        state.status.withLock { status in
            guard status == nil else { return }
            // The parent first: a stopped parent starts nobody.
            _ = Glibc.kill(pid, signal)
            for child in ProcessFacts.descendants(of: pid) { _ = Glibc.kill(child, signal) }
        }
    }

    /// Waits for the end; nil when it has not come in time.
    func exit(within limit: Duration) async -> ExitStatus? {
        let end = ContinuousClock.now + limit
        while true {
            if let status { return status }
            if ContinuousClock.now >= end { return nil }
            await pause(.milliseconds(5))
        }
    }

    /// Sends a signal that asks for the end, and SIGKILL when that does not help in time.
    /// - Returns: how it ended.
    @discardableResult
    func end(by signal: Int32, within limit: Duration) async -> ExitStatus {
        sendToTree(SIGCONT)
        send(signal)
        if let status = await exit(within: limit) { return status }
        send(SIGKILL)
        while true {
            if let status = await exit(within: .seconds(10)) { return status }
        }
    }
}
