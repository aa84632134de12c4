import Logging
import RelayConfiguration
import RelayCore
import RelayMongoDB

/// The relay put together from its configuration: source → pipeline → destination, one pipeline a destination.
/// Nothing connects before it is run.
struct Wiring {
    let settings: RelaySettings
    let destinations: [any DestinationParts]
    let inspector: MongoInspector
    let endpoint: MongoEndpoint

    init(_ settings: RelaySettings) {
        self.settings = settings
        let endpoint = MongoEndpoint(
            uri: settings.mongodbURI, database: settings.database, stateDatabase: settings.stateDatabase,
            collection: settings.source.collections[0])
        self.endpoint = endpoint
        destinations = settings.destinations.map { destination -> any DestinationParts in
            switch destination.kind {
            case .postgresql: QueueParts(destination, settings, endpoint: endpoint)
            case .webhook: WebhookParts(destination, settings, endpoint: endpoint)
            }
        }
        inspector = MongoInspector(Self.source(settings, endpoint, destinations[0]))
    }

    /// What `run` runs.
    struct Relay {
        let status: RelayStatus
        let pipelines: [Pipeline]
        let oplogWatch: OplogWatch
        let upkeep: SourceUpkeep
    }

    /// Makes the pipelines.
    /// - Throws: ``RelayError`` when a value of the configuration cannot be used.
    func relay(logger: Logger) throws -> Relay {
        let progress = LoopProgress()
        let statuses = destinations.map {
            PipelineStatus(name: $0.pipeline, destination: $0.destination, progress: progress)
        }
        let status = RelayStatus(
            name: settings.name, version: Version.current, pipelines: statuses, progress: progress)
        // Equal shares: a slow destination cannot take the others' room.
        let buffer = settings.bufferBytes / destinations.count
        let registrar = PipelineRegistrar(
            PipelineRegistrar.Options(
                endpoint: endpoint, collections: cleanableCollections, pipelines: destinations.map(\.pipeline),
                holder: QueueParts.holder), logger: logger)
        let registrations = destinations.map { registrar.registration(of: $0.pipeline) }
        let pipelines = try zip(zip(destinations, statuses), registrations).map { both, registration in
            let (parts, pipelineStatus) = both
            let source = MongoSource(
                Self.source(settings, endpoint, parts), status: pipelineStatus, relay: status, logger: logger)
            let (destination, store) = try parts.ends(status: pipelineStatus, logger: logger)
            return Pipeline(
                Pipeline.Parts(
                    name: parts.pipeline, source: source, destination: destination, store: store,
                    filter: EventFilter(topics: parts.settings.topics, types: parts.settings.types),
                    claimCheck: parts.settings.claimCheck.map {
                        ClaimCheck(limit: $0, database: endpoint.database, collection: endpoint.collection)
                    },
                    limits: parts.limits(settings, buffer: buffer), leaseTTL: settings.leaseTTL,
                    registration: registration.forPipeline,
                    compensator: compensator(of: parts)),
                status: pipelineStatus, logger: logger)
        }
        let upkeep = SourceUpkeep(
            registrar: registrar, registrations: registrations,
            cleaner: cleaning.map { Cleaner($0, status: status, logger: logger) }, wiring: self, logger: logger)
        return Relay(
            status: status, pipelines: pipelines, oplogWatch: OplogWatch(endpoint, relay: status), upkeep: upkeep)
    }

    /// Reads the outbox for `audit`, as a destination's pipeline does.
    func audit(of parts: any DestinationParts) -> OutboxAudit { OutboxAudit(Self.source(settings, endpoint, parts)) }

    /// What hands the dead letters of a destination on, where that was asked for.
    private func compensator(of parts: any DestinationParts) -> Compensator? {
        let compensation = settings.compensation
        guard compensation.collection != nil || compensation.event else { return nil }
        return Compensator(
            destination: parts.destination, letters: parts.administration,
            sink: compensation.collection.map { MongoCompensation(endpoint, collection: $0) },
            others: compensation.event
                ? destinations.filter { $0.destination != parts.destination }.map(\.administration) : [])
    }

    private static func source(
        _ settings: RelaySettings, _ endpoint: MongoEndpoint, _ parts: any DestinationParts
    ) -> MongoSource.Options {
        let fields = settings.source.fields
        let mapping = OutboxMapping(
            id: fields.id, topic: fields.topic, key: fields.key, type: fields.type, payload: fields.payload,
            headers: fields.headers, time: fields.time, schemaVersion: fields.schemaVersion,
            traceparent: fields.traceparent, sequence: fields.sequence,
            style: RelayMongoDB.JSONStyle(rawValue: settings.source.json.rawValue) ?? .plain,
            schemaVersions: settings.source.schemaVersions.ranges,
            keepsBinaryPayload: parts.keepsBinaryPayload)
        let source = settings.source
        var options = MongoSource.Options(
            endpoint: endpoint, mapping: mapping, pipeline: parts.pipeline,
            publishesBacklog: source.kind == .changes ? source.snapshot == .initial : source.backlog == .publish,
            haltsOnInvalidate: source.onInvalidate == .halt, haltsOnPoison: source.onPoison == .halt)
        options.kind = MongoSource.Kind(rawValue: source.kind.rawValue) ?? .outbox
        options.collections = source.watchesWholeDatabase ? [] : source.collections
        options.excluded = [settings.compensation.collection].compactMap { $0 }
        options.eventsPath = source.eventsPath
        options.images = ChangeImages(rawValue: source.images.rawValue) ?? .lookup
        options.onHistoryLost = HistoryLostPolicy(rawValue: source.onHistoryLost.rawValue) ?? .halt
        options.rescanSlack = source.rescanSlack
        options.isCleanedUp = source.cleanup != .none
        return options
    }
}
