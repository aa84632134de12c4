import Foundation
import Logging
import RelayCore

/// MongoDB as a source: first what was there at the first start, then the change stream behind it, without a gap or an
/// overlap between the two. An ``EventMaker`` makes the events, one for each kind of source.
public final class MongoSource: Source {
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
        let reading = SourceReading(self, from: checkpoint, into: queue)
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

    public func decode(document: [UInt8]) async throws -> EventBatch {
        let batch = EventBatch(end: Checkpoint())
        let maker = options.maker(connection)
        // Not in the closure that lends the bytes: it cannot wait.
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: document.count, alignment: 1)
        defer { bytes.deallocate() }
        bytes.copyBytes(from: document)
        do {
            try await maker.decode(kept: UnsafeRawBufferPointer(bytes), into: batch)
        } catch let failure as MongoFailure {
            throw failure.described(doing: "reading \(namespace)", needing: grant)
        }
        return batch
    }

    var namespace: String { options.namespace }

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
