import Synchronization

/// What others may know of the call that a ``MongoConnection`` is busy with.
final class ObservedCall: Sendable {
    /// A call under way.
    struct Call: Sendable, Equatable {
        var since: ContinuousClock.Instant
        /// The server's own name for itself; nil where it has none, or it is not known yet.
        var server: String?
    }

    private struct State {
        var since: ContinuousClock.Instant?
        var server: String?
    }
    private let state = Mutex(State())

    /// The call under way, if one is.
    var current: Call? { state.withLock { state in state.since.map { Call(since: $0, server: state.server) } } }

    /// Says that a call begins.
    func begin() { state.withLock { $0.since = .now } }

    /// Says that it has ended.
    func end() { state.withLock { $0.since = nil } }

    /// Remembers which server answers the calls.
    func note(server: String?) { state.withLock { $0.server = server } }
}
