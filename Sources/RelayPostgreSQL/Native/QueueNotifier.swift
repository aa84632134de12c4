import RelayCore
import Synchronization

/// Sends one payload-free `NOTIFY` after a commit, throttled and off the write path: `NOTIFY` inside the writing
/// transaction would serialise commits. Consumers that poll do without.
final class QueueNotifier: Sendable {
    private enum State {
        case idle
        case sending
        case sendingAgain
    }
    private let connection: PGConnection
    private let schema: String
    private let state = Mutex(State.idle)

    /// At most one notification in this time.
    static let interval = Duration.milliseconds(20)

    init(_ connection: PGConnection, schema: String) {
        self.connection = connection
        self.schema = schema
    }

    /// Sends a notification soon. A lost one costs a consumer its poll interval, nothing else.
    func notify() {
        let starts = state.withLock { state in
            defer { state = state == .idle ? .sending : .sendingAgain }
            return state == .idle
        }
        guard starts else { return }
        let (connection, schema) = (connection, schema)
        Task { [self] in
            repeat {
                _ = try? await connection.query(PGStatement("SELECT \(schema).notify_events()"))
                try? await Task.sleep(for: Self.interval)
            } while state.withLock { state in
                let again = state == .sendingAgain
                state = again ? .sending : .idle
                return again
            }
        }
    }
}
