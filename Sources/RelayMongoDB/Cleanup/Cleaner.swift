import Foundation
import Logging
import RelayCore

/// Removes or marks what every registered pipeline of a source has settled, beside the pipelines and on connections of
/// its own. What it cannot do now it does later: nothing waits for it.
public final class Cleaner: Sendable {
    /// What is cleaned up, and how.
    public struct Options: Sendable {
        /// What happens to settled events.
        public enum Mode: String, Sendable, CaseIterable { case delete, mark }
        /// Where events lie.
        public enum Layout: Sendable {
            case outbox
            /// In arrays at `path`, whose elements have their id in `idField`.
            case embedded(path: String, idField: String)
        }
        public var endpoint: MongoEndpoint
        public var collections: [String]
        public var mode: Mode
        public var layout: Layout
        /// A name for people: host and process of this relay.
        public var holder: String

        /// Options for `collections`.
        public init(
            endpoint: MongoEndpoint, collections: [String], mode: Mode, layout: Layout = .outbox, holder: String
        ) {
            self.endpoint = endpoint
            self.collections = collections
            self.mode = mode
            self.layout = layout
            self.holder = holder
        }

        func strategy(_ collection: String) -> any CleanupStrategy {
            switch layout {
            case .outbox: OutboxCleanup(collection: collection, marks: mode == .mark)
            case .embedded(let path, let idField):
                EmbeddedCleanup(collection: collection, path: path, idField: idField)
            }
        }
    }

    let options: Options
    let status: RelayStatus
    let logger: Logger
    let metrics = CleanupMetrics()
    /// Registry, lease and cleaning.
    let connection: MongoConnection
    /// Snapshots; its session has no transaction.
    let reader: MongoConnection

    /// A cleaner that reports to `status`.
    public init(_ options: Options, status: RelayStatus, logger: Logger) {
        self.options = options
        self.status = status
        self.logger = logger
        connection = MongoConnection(uri: options.endpoint.uri, name: "mongo-cleaner", socketTimeout: .seconds(20))
        reader = MongoConnection(uri: options.endpoint.uri, name: "mongo-cleanread", socketTimeout: .seconds(150))
        status.updateCleanup { $0 = CleanupSnapshot(mode: options.mode.rawValue, state: .starting) }
    }

    /// Cleans until cancelled, every collection in turn, and gives its leases back.
    public func run() async {
        var tasks = options.collections.map { CleanupTask(self, collection: $0) }
        var rest = Rest()
        var backoff = Backoff(first: .milliseconds(500), most: .seconds(10))
        while !Task.isCancelled {
            let began = ContinuousClock.now
            do {
                var cleaned = 0
                for index in tasks.indices { cleaned += try await cancellable { try await tasks[index].round() } }
                publish(tasks)
                backoff.reset()
                try? await Task.sleep(for: rest.next(afterCleaning: cleaned, in: began.duration(to: .now)))
            } catch {
                if Task.isCancelled { break }
                note(StateFailure.described(error, doing: "cleaning up", database: options.endpoint.stateDatabase))
                await connection.reset()
                await reader.reset()
                try? await Task.sleep(for: backoff.next())
            }
        }
        for task in tasks { await task.end() }
    }

    /// Runs `body`; who cancels it does not wait for a server.
    private func cancellable<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
        let (connection, reader) = (connection, reader)
        return try await withTaskCancellationHandler {
            try await body()
        } onCancel: {
            connection.interrupt()
            reader.interrupt()
        }
    }

    /// Counts what was cleaned up.
    func count(_ events: Int) {
        metrics.cleaned.increment(by: events)
        status.updateCleanup { $0.cleaned += Int64(events) }
    }

    private func publish(_ tasks: [CleanupTask]) {
        let blockers = tasks.flatMap(\.blockers)
        let standsBy = tasks.allSatisfy { !$0.isHolder }
        status.updateCleanup {
            $0.state = standsBy ? .standby : blockers.isEmpty ? .active : .blocked
            $0.blockedBy = blockers.map(\.reason)
        }
        for pipeline in status.pipelines {
            pipeline.update { snapshot in
                snapshot.cleanupBlockedBy = blockers.filter { $0.pipeline == snapshot.name }.map(\.reason)
            }
        }
    }

    private func note(_ error: RelayError) {
        let isNew = status.cleanup.state != .failing || status.cleanup.lastError != error.message
        status.updateCleanup {
            $0.state = .failing
            $0.lastError = error.message
            $0.lastErrorAt = Date().timeIntervalSince1970
        }
        guard isNew else { return }
        logger.warning(
            "cleaning up was interrupted; it is tried again",
            metadata: ["error.code": "\(error.code)", "error.message": "\(error.message)"])
    }
}

/// How long the cleaner rests: hardly at all while there is work, up to 5 s while there is none, and always so long that
/// looking in vain takes no more than a tenth of the time (without an index, to look is to read the whole collection).
struct Rest: Sendable {
    private var pause = Duration.milliseconds(20)

    mutating func next(afterCleaning count: Int, in time: Duration) -> Duration {
        if count > 0 {
            pause = .milliseconds(20)
            return pause
        }
        pause = min(pause * 2, .seconds(5))
        return max(pause, min(time * 10, .seconds(60)))
    }
}
