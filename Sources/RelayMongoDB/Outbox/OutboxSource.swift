import Foundation
import Logging
import RelayCore

/// The outbox collection as a source: first what was there at the first start, then the change stream behind it,
/// without a gap or an overlap between the two.
public final class OutboxSource: Source {
    /// What the source needs to know.
    public struct Options: Sendable {
        public var endpoint: MongoEndpoint
        public var mapping: OutboxMapping
        /// The pipeline's name: the first start's time is stored under it.
        public var pipeline: String
        /// Whether documents that were there at the first start are published.
        public var publishesBacklog: Bool
        /// Whether the pipeline halts when the collection is dropped or renamed.
        public var haltsOnInvalidate: Bool
        /// Whether the pipeline halts at a document that is no event.
        public var haltsOnPoison: Bool

        /// Options for the pipeline `pipeline`.
        public init(
            endpoint: MongoEndpoint, mapping: OutboxMapping, pipeline: String, publishesBacklog: Bool = true,
            haltsOnInvalidate: Bool = false, haltsOnPoison: Bool = false
        ) {
            self.endpoint = endpoint
            self.mapping = mapping
            self.pipeline = pipeline
            self.publishesBacklog = publishesBacklog
            self.haltsOnInvalidate = haltsOnInvalidate
            self.haltsOnPoison = haltsOnPoison
        }
    }

    let options: Options
    let connection: MongoConnection
    let watchdog: StreamWatchdog
    /// For replays: what the stream waits for does not hold them up.
    let replays: MongoConnection
    let status: PipelineStatus
    let relay: RelayStatus?
    let logger: Logger

    /// A source that reports to `status`.
    public init(_ options: Options, status: PipelineStatus, relay: RelayStatus?, logger: Logger) {
        self.options = options
        self.status = status
        self.relay = relay
        var logger = logger
        logger[metadataKey: "pipeline"] = "\(options.pipeline)"
        self.logger = logger
        connection = MongoConnection(
            uri: options.endpoint.uri, name: "mongo-stream", socketTimeout: .seconds(86_400))
        replays = MongoConnection(uri: options.endpoint.uri, name: "mongo-replay", socketTimeout: .seconds(900))
        watchdog = StreamWatchdog(watching: connection, uri: options.endpoint.uri, logger: self.logger)
    }

    public func read(from checkpoint: Checkpoint?, into queue: BatchQueue) async throws {
        let guarding = Task { [watchdog] in try await watchdog.run() }
        defer {
            guarding.cancel()
            endProgress()
        }
        // A call that waits for a server does not notice that it is not wanted any more.
        try await withTaskCancellationHandler {
            // What an earlier reading was interrupted in is not used again.
            await connection.reset()
            try await readOn(from: checkpoint, into: queue)
        } onCancel: {
            connection.interrupt()
        }
    }

    private func readOn(from checkpoint: Checkpoint?, into queue: BatchQueue) async throws {
        let reading = OutboxReading(self, from: checkpoint, into: queue)
        var backoff = Backoff(first: .milliseconds(100), most: .seconds(5))
        while true {
            try Task.checkCancellation()
            do {
                try await reading.run { backoff.reset() }
            } catch let failure as MongoFailure {
                try Task.checkCancellation()
                let error = failure.described(doing: "reading \(namespace)", needing: grant)
                guard error.isRetriable else { throw error }
                note(error)
                await connection.reset()
                try await Task.sleep(for: backoff.next())
            } catch let error as RelayError where error.isRetriable {
                note(error)
                try await Task.sleep(for: backoff.next())
            } catch let error as BSONError {
                note(RelayError(.refused, "MongoDB sent an answer that cannot be read: \(error)", isRetriable: true))
                await connection.reset()
                try await Task.sleep(for: backoff.next())
            }
        }
    }

    public func decode(document: [UInt8]) throws -> EventBatch {
        let batch = EventBatch(end: Checkpoint())
        document.withUnsafeBytes { bytes in
            OutboxDecoder(options.mapping, collection: options.endpoint.collection)
                .decode(bytes, fallbackTime: .min, into: batch)
        }
        return batch
    }

    var namespace: String { "\(options.endpoint.database).\(options.endpoint.collection)" }

    /// What to grant, as a person would type it.
    var grant: String {
        "role `read` on database \(options.endpoint.database) and role `readWrite` on database "
            + "\(options.endpoint.stateDatabase) (the relay's own outbox_relay_* collections), for example "
            + "db.grantRolesToUser(USER, [{role: \"read\", db: \"\(options.endpoint.database)\"}, "
            + "{role: \"readWrite\", db: \"\(options.endpoint.stateDatabase)\"}])"
    }

    /// While nothing is read, nothing is expected of the reader: an outage must not look like a loop that is stuck.
    private func endProgress() { status.progress.end("\(options.pipeline).reader") }

    private func note(_ error: RelayError) {
        endProgress()
        logger.error(
            "reading interrupted", metadata: ["error.code": "\(error.code)", "error.message": "\(error.message)"])
        if relay?.hasReachedMongoDB == false { relay?.noteMongoDBProblem(error.message) }
        status.update {
            $0.lastError = error.message
            $0.lastErrorAt = Date().timeIntervalSince1970
            $0.why = error.message
            if $0.state == .streaming { $0.state = .catchingUp }
            $0.restarts += 1
        }
    }
}
