import Logging
import RelayConfiguration
import RelayCore
import RelayPostgreSQL

/// A destination in PostgreSQL.
struct QueueParts: DestinationParts {
    let settings: DestinationSettings
    let pipeline: String
    private let options: NativeQueue.Options

    init(_ destination: DestinationSettings, _ relay: RelaySettings) {
        settings = destination
        pipeline = "\(relay.name)/\(destination.name)"
        options = NativeQueue.Options(
            url: destination.url, schema: destination.schema,
            payloadType: NativeQueue.PayloadType(rawValue: destination.payloadType.rawValue) ?? .json,
            pipeline: pipeline, createsSchema: destination.autoSetup, retention: destination.retention,
            retentionMax: destination.retentionMax, haltsOnPoison: relay.source.onPoison == .halt,
            holder: Self.holder)
    }

    var administration: any DestinationAdministration { QueueAdministration(options) }
    var keepsBinaryPayload: Bool { settings.payloadType == .bytea }

    func ends(status: PipelineStatus, logger: Logger) -> (destination: any Destination, store: any StateStore) {
        let queue = NativeQueue(options, logger: logger)
        return (queue, queue)
    }

    func limits(_ relay: RelaySettings, buffer: Int) -> BatchLimits {
        // A quarter is for what is not in batches: answers being read, rows being written.
        BatchLimits(
            events: relay.batchEvents, bytes: relay.batchBytes, linger: relay.batchLinger, buffer: buffer / 4 * 3)
    }

    func findings() async -> [Finding] { await QueueInspector(options, destination: settings.name).findings() }

    func setUp() async throws -> String {
        try await NativeQueue(options, logger: Logger(label: "outbox-relay")).setUp()
        return "PostgreSQL (\(settings.name)): the schema \(options.schema) is there"
    }

    var setupScript: String {
        """

        -- in psql, for destination \(settings.name), as the role of its URL, which must own the schema
        -- (an administrator: CREATE SCHEMA \(options.schema) AUTHORIZATION that role, then SET ROLE to it)
        \(NativeSchema.setupScript(schema: options.schema, payloadType: options.payloadType.rawValue))
        """
    }
}
