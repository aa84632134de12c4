import Foundation
import Logging
import RelayConfiguration
import RelayCore
import RelayMongoDB
import RelayPostgreSQL

/// The relay put together from its configuration: source → pipeline → destination, one pipeline a destination.
/// Nothing connects before it is run.
struct Wiring {
    let status: RelayStatus
    let pipelines: [Pipeline]
    let queues: [QueueParts]
    let inspector: MongoInspector
    let oplogWatch: OplogWatch

    init(_ settings: RelaySettings, logger: Logger) {
        let endpoint = MongoEndpoint(
            uri: settings.mongodbURI, database: settings.database, stateDatabase: settings.stateDatabase,
            collection: settings.source.collections[0])
        let progress = LoopProgress()
        let queues = settings.destinations.map { QueueParts($0, settings, logger: logger) }
        let statuses = queues.map {
            PipelineStatus(name: $0.pipeline, destination: $0.destination, progress: progress)
        }
        let status = RelayStatus(
            name: settings.name, version: Version.current, pipelines: statuses, progress: progress)

        pipelines = zip(queues, statuses).map { queue, pipelineStatus in
            let source = OutboxSource(
                Self.source(settings, endpoint, queue), status: pipelineStatus, relay: status, logger: logger)
            let parts = Pipeline.Parts(
                name: queue.pipeline, source: source, destination: queue.queue, store: queue.queue,
                filter: EventFilter(topics: queue.settings.topics, types: queue.settings.types),
                limits: BatchLimits(
                    events: settings.batchEvents, bytes: settings.batchBytes, linger: settings.batchLinger,
                    // Equal shares: a slow destination cannot take the others' room. A quarter of it is for what is
                    // not in batches: answers being read, rows being written.
                    buffer: settings.bufferBytes / queues.count / 4 * 3),
                leaseTTL: settings.leaseTTL)
            return Pipeline(parts, status: pipelineStatus, logger: logger)
        }
        self.queues = queues
        self.status = status
        inspector = MongoInspector(Self.source(settings, endpoint, queues[0]))
        oplogWatch = OplogWatch(endpoint, relay: status)
    }

    private static func source(
        _ settings: RelaySettings, _ endpoint: MongoEndpoint, _ queue: QueueParts
    ) -> OutboxSource.Options {
        let fields = settings.source.fields
        let mapping = OutboxMapping(
            id: fields.id, topic: fields.topic, key: fields.key, type: fields.type, payload: fields.payload,
            headers: fields.headers, time: fields.time, schemaVersion: fields.schemaVersion,
            traceparent: fields.traceparent, sequence: fields.sequence,
            style: RelayMongoDB.JSONStyle(rawValue: settings.source.json.rawValue) ?? .plain,
            schemaVersions: settings.source.schemaVersions.ranges,
            keepsBinaryPayload: queue.settings.payloadType == .bytea)
        return OutboxSource.Options(
            endpoint: endpoint, mapping: mapping, pipeline: queue.pipeline,
            publishesBacklog: settings.source.backlog == .publish,
            haltsOnInvalidate: settings.source.onInvalidate == .halt,
            haltsOnPoison: settings.source.onPoison == .halt)
    }
}

/// One PostgreSQL destination, put together.
struct QueueParts: Sendable {
    let settings: DestinationSettings
    let destination: String
    /// The pipeline's name: `<relay name>/<destination>`.
    let pipeline: String
    let options: NativeQueue.Options
    let queue: NativeQueue

    init(_ destination: DestinationSettings, _ relay: RelaySettings, logger: Logger) {
        settings = destination
        self.destination = destination.name
        pipeline = "\(relay.name)/\(destination.name)"
        options = NativeQueue.Options(
            url: destination.url, schema: destination.schema,
            payloadType: NativeQueue.PayloadType(rawValue: destination.payloadType.rawValue) ?? .json,
            pipeline: pipeline, createsSchema: destination.autoSetup, retention: destination.retention,
            retentionMax: destination.retentionMax, haltsOnPoison: relay.source.onPoison == .halt,
            holder: "\(ProcessInfo.processInfo.hostName) (process \(ProcessInfo.processInfo.processIdentifier))")
        queue = NativeQueue(options, logger: logger)
    }

    var schema: String { options.schema }
    var administration: QueueAdministration { QueueAdministration(options) }
    var inspector: QueueInspector { QueueInspector(options, destination: destination) }
    var setupScript: String {
        NativeSchema.setupScript(schema: options.schema, payloadType: options.payloadType.rawValue)
    }
}
