import Logging
import RelayCore
import Synchronization

/// Breaks off a call to a server that is frozen: its kernel still acknowledges, so no TCP time-out notices, and a
/// socket time-out is out of the question, since a long scan of the oplog has no intermediate answer.
///
/// When a call has been under way for long, the server is asked something simple on another connection. If it
/// does not answer, or somebody else is primary by now, the call is broken off and begun anew there.
final class StreamWatchdog: Sendable {
    private let state = Mutex(ObservedCall())
    private let stream: MongoConnection
    private let probe: MongoConnection
    private let logger: Logger

    /// A call is looked at after this time.
    static let patience = Duration.seconds(15)

    init(watching stream: MongoConnection, uri: String, logger: Logger) {
        self.stream = stream
        self.logger = logger
        probe = MongoConnection(uri: uri, name: "mongo-probe", socketTimeout: .seconds(5))
    }

    /// Says that a call to the server begins.
    func begin() { state.withLock { $0.since = .now } }

    /// Says that it has ended.
    func end() { state.withLock { $0.since = nil } }

    /// Remembers which server the stream is read from.
    func note(server: String?) { state.withLock { $0.server = server } }

    /// Watches until cancelled.
    func run() async throws {
        while true {
            try await Task.sleep(for: .seconds(5))
            guard let since = state.withLock({ $0.since }), since.duration(to: .now) > Self.patience else { continue }
            let answering = try? await probe.run(["hello": 1], on: "admin").document["me"]?.string
            let (server, stillWaiting) = state.withLock { ($0.server, $0.since == since) }
            guard stillWaiting, server == nil || answering != server else { continue }
            logger.warning("the server of the change stream does not answer; beginning anew")
            stream.interrupt()
        }
    }
}

/// What a ``StreamWatchdog`` knows of the call that it watches.
struct ObservedCall: Sendable {
    var since: ContinuousClock.Instant?
    var server: String?
}
