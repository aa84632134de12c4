import Logging
import RelayConfiguration
import RelayCore
import RelayMongoDB
import RelayWebhook

/// A destination that is a webhook; its state lies in MongoDB.
struct WebhookParts: DestinationParts {
    let settings: DestinationSettings
    let pipeline: String
    private let options: WebhookOptions
    private let state: MongoStateStore.Options

    init(_ destination: DestinationSettings, _ relay: RelaySettings, endpoint: MongoEndpoint) {
        settings = destination
        pipeline = "\(relay.name)/\(destination.name)"
        state = MongoStateStore.Options(
            endpoint: endpoint, pipeline: pipeline, createsCollections: destination.autoSetup, holder: Self.holder)
        var options = WebhookOptions(
            destination: destination.name, pipeline: pipeline, url: destination.url, eventSource: relay.eventSource)
        let webhook = destination.webhook
        options.format = WebhookOptions.Format(rawValue: webhook.format.rawValue) ?? .cloudevents
        options.secrets = webhook.secrets
        options.headers = webhook.headers.map { ($0.name, $0.value) }
        options.tlsCA = webhook.tlsCA
        options.tlsCertificate = webhook.tlsCertificate
        options.tlsKey = webhook.tlsKey
        options.oauth = webhook.oauth.map {
            .init(tokenURL: $0.tokenURL, clientID: $0.clientID, clientSecret: $0.clientSecret, scope: $0.scope)
        }
        options.compresses = webhook.compression == .gzip
        options.rate = webhook.rate
        options.timeout = webhook.timeout
        options.concurrency = webhook.concurrency
        options.ordersByKey = webhook.ordering == .key
        options.retryFirst = webhook.retryFirst
        options.retryMax = webhook.retryMax
        options.retryFor = webhook.retryFor
        // Time is left for the last write and the lease.
        options.settleTime = max(.milliseconds(500), relay.shutdownTimeout - .seconds(3))
        options.buffer = Self.share(of: relay.bufferBytes / relay.destinations.count)
        // Other sources keep their events until they are cleaned up.
        if relay.source.kind == .changes { options.spoolBytes = webhook.spoolBytes }
        options.version = Version.current
        self.options = options
    }

    var administration: any DestinationAdministration { MongoAdministration(state) }
    var keepsBinaryPayload: Bool { true }

    func ends(
        status: PipelineStatus, logger: Logger
    ) throws -> (destination: any Destination, store: any StateStore) {
        let store = MongoStateStore(state, logger: logger)
        return (try WebhookDestination(options, store: store, status: status, logger: logger), store)
    }

    func limits(_ relay: RelaySettings, buffer: Int) -> BatchLimits {
        // Small batches: the checkpoint moves by whole ones, and a crash repeats what is in the last.
        BatchLimits(
            events: min(relay.batchEvents, 256), bytes: min(relay.batchBytes, 1 << 20), linger: relay.batchLinger,
            buffer: Self.share(of: buffer) / 2)
    }

    /// Half of the buffer is for events that are being delivered, a quarter for those that were read, and the rest for
    /// what is in neither: answers being read, requests being written.
    private static func share(of buffer: Int) -> Int { buffer / 2 }

    func findings() async -> [Finding] { await WebhookInspector(options).findings() }

    func setUp() async throws -> String {
        try await MongoStateStore(state, logger: Logger(label: "outbox-relay")).setUp()
        return "MongoDB (\(settings.name)): the collections of its state are there"
    }

    func storedPipelines(of relay: String) async throws -> [String] {
        try await RegistryAdministration(state.endpoint).stored(of: relay)
    }

    func adopt(_ old: String) async throws {
        try await MongoAdoption(state.endpoint, from: old, to: pipeline, holder: Self.holder).moveState()
    }

    var setupScript: String { MongoStateStore.setupScript(database: state.endpoint.stateDatabase) }
}
