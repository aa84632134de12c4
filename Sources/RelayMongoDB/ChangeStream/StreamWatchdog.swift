import Logging
import RelayCore

/// Breaks off a call to a server that is frozen: its kernel still acknowledges, so no TCP time-out notices, and a
/// socket time-out is out of the question, since a long scan of the oplog has no intermediate answer.
///
/// When a call has been under way for long, the cluster is asked something simple on another connection. If nobody
/// answers, or somebody else is primary by now, the call is broken off and begun anew there.
struct StreamWatchdog: Sendable {
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

    /// Watches until cancelled.
    func run() async throws {
        while true {
            try await Task.sleep(for: .seconds(5))
            guard let call = stream.observed.current, call.since.duration(to: .now) > Self.patience,
                await isInVain(call)
            else { continue }
            // Twice: one slow answer must not throw a long scan away.
            try await Task.sleep(for: .seconds(2))
            guard await isInVain(call), stream.observed.current == call else { continue }
            logger.warning("the server of the change stream does not answer; beginning anew")
            stream.interrupt()
        }
    }

    /// Whether the server of `call` is gone or frozen. A `mongos` tells no name of its own: it only has to answer.
    private func isInVain(_ call: ObservedCall.Call) async -> Bool {
        guard let hello = try? await probe.run(["hello": 1], on: "admin").document else { return true }
        guard let server = call.server else { return false }
        return hello["me"]?.string != server
    }
}
