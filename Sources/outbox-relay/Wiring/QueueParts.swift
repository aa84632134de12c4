import Logging
import RelayConfiguration
import RelayCore
import RelayMongoDB
import RelayPostgreSQL

/// A destination in PostgreSQL.
struct QueueParts: DestinationParts {
    let settings: DestinationSettings
    let pipeline: String
    private let options: NativeQueue.Options
    private let endpoint: MongoEndpoint

    init(_ destination: DestinationSettings, _ relay: RelaySettings, endpoint: MongoEndpoint) {
        self.endpoint = endpoint
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

    func storedPipelines(of relay: String) async throws -> [String] {
        try await QueueAdoption(options).stored(of: relay)
    }

    func adopt(_ old: String) async throws {
        // The start time and the registration lie in MongoDB whatever the destination: there before the new name has a
        // checkpoint, and gone only after the old one has none.
        let start = MongoAdoption(endpoint, from: old, to: pipeline, holder: Self.holder)
        switch try await QueueAdoption(options).move(
            from: old, to: pipeline, beforeCommit: { try await start.copyStart() })
        {
        case nil: try await start.dropOldStart()
        case .missing: throw MongoAdoption.missing(old, in: "the schema \(options.schema) of PostgreSQL")
        case .hasDelivered: throw MongoAdoption.hasDelivered(pipeline, old)
        case .held(let name, let holder): throw MongoAdoption.isHeld(name, by: holder)
        }
    }

    var setupScript: String {
        """

        -- in psql, for destination \(settings.name), as the role of its URL, which must own the schema
        -- (an administrator: CREATE SCHEMA \(options.schema) AUTHORIZATION that role, then SET ROLE to it)
        \(NativeSchema.setupScript(schema: options.schema, payloadType: options.payloadType.rawValue))
        """
    }
}
