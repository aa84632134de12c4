import Logging
import RelayCore

/// Keeps all pipelines of one relay in the registry of those that read a source: whether this relay leads them or not,
/// and whether it cleans up or not, for another one may.
public final class PipelineRegistrar: Sendable {
    /// What is registered.
    public struct Options: Sendable {
        public var endpoint: MongoEndpoint
        /// The collections that are read; none when nobody can clean up what is read.
        public var collections: [String]
        public var pipelines: [String]
        /// A name for people: host and process of this relay.
        public var holder: String

        /// Options for all `pipelines` of a relay.
        public init(endpoint: MongoEndpoint, collections: [String], pipelines: [String], holder: String) {
            self.endpoint = endpoint
            self.collections = collections
            self.pipelines = pipelines
            self.holder = holder
        }

        var sources: [String] { collections.map { "\(endpoint.database).\($0)" } }
    }

    private let options: Options
    private let connection: MongoConnection
    private let logger: Logger

    /// How often stored checkpoints are reported.
    static let interval = Duration.seconds(1)
    /// How often it is said that the relay is there.
    static let renewal = Duration.seconds(15)

    /// A registrar, not yet connected.
    public init(_ options: Options, logger: Logger) {
        self.options = options
        self.logger = logger
        connection = MongoConnection(uri: options.endpoint.uri, name: "mongo-registry", socketTimeout: .seconds(10))
    }

    /// The entry of one of the pipelines.
    public func registration(of pipeline: String) -> Registration {
        Registration(MongoRegistration(pipeline, registrar: self))
    }

    /// A pipeline's entry.
    public struct Registration: Sendable {
        let entry: MongoRegistration
        init(_ entry: MongoRegistration) { self.entry = entry }
        /// As a pipeline sees it.
        public var forPipeline: any PipelineRegistration { entry }
    }

    /// Registers every pipeline, and reports for those that are led here, until cancelled.
    public func run(_ registrations: [Registration]) async {
        var renewAt = ContinuousClock.now
        var isRegistered = false
        var isFailing = false
        while !Task.isCancelled {
            do {
                if !isRegistered {
                    try await register(options.pipelines)
                    isRegistered = true
                }
                if renewAt <= .now {
                    try await renew()
                    renewAt = .now + Self.renewal
                }
                for registration in registrations { try await registration.entry.flush() }
                isFailing = false
            } catch {
                // Reading and delivering report an outage; what fails otherwise is said once.
                let error = RelayError.wrapping(error)
                if !isFailing, error.code != .unavailable, !Task.isCancelled {
                    logger.warning(
                        "the pipelines could not be registered; nothing is cleaned up until they are",
                        metadata: ["error.message": "\(error.message)"])
                }
                isFailing = true
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    // MARK: - What is written

    /// Makes pipelines known that may be new.
    func register(_ pipelines: [String]) async throws {
        let holder = options.holder
        try await change(pipelines) { PipelineRegistry.register($0, $1, holder: holder) }
    }

    /// Says exactly where a pipeline stands.
    func begin(_ pipeline: String, _ report: PipelineRegistry.Report, reporter: String) async throws {
        let holder = options.holder
        try await change([pipeline]) {
            PipelineRegistry.begin($0, $1, report, reporter: reporter, holder: holder)
        }
    }

    /// Reports progress; false when somebody else has begun, or the entry is gone.
    func report(_ pipeline: String, _ report: PipelineRegistry.Report, reporter: String) async throws -> Bool {
        let updates = options.sources.map { PipelineRegistry.report(pipeline, $0, report, reporter: reporter) }
        return try await send(updates) == updates.count
    }

    /// Begins to report for an entry that nobody reports for; false when somebody does.
    func claim(_ pipeline: String, _ report: PipelineRegistry.Report, reporter: String) async throws -> Bool {
        let updates = options.sources.map { PipelineRegistry.claim(pipeline, $0, report, reporter: reporter) }
        return try await send(updates) == updates.count
    }

    private func renew() async throws {
        let updates = options.pipelines.flatMap { pipeline in
            options.sources.map { PipelineRegistry.renew(pipeline, $0) }
        }
        if try await send(updates) < updates.count { try await register(options.pipelines) }
    }

    /// Changes entries, and then the generation: whoever cleans by what was there before cannot, from now on.
    private func change(_ pipelines: [String], _ update: (String, String) -> BSONValue) async throws {
        let sources = options.sources
        _ = try await send(pipelines.flatMap { pipeline in sources.map { update(pipeline, $0) } })
        _ = try await send(sources.map { PipelineRegistry.nextGeneration(of: $0) })
    }

    private func send(_ updates: [BSONValue]) async throws -> Int {
        if updates.isEmpty { return 0 }
        let database = options.endpoint.stateDatabase
        let (connection, sources) = (connection, options.sources)
        do {
            return try await withTaskCancellationHandler {
                try await connection.perform { connection in
                    do {
                        return try connection.updateRegistry(updates, on: database)
                    } catch let failure as MongoFailure where failure.isLocked {
                        // Of a cleaner that was killed or froze before its commit: nobody else locks anything here.
                        for source in sources { try CleanupLease.endSession(of: source, on: connection, database) }
                        return try connection.updateRegistry(updates, on: database)
                    }
                }
            } onCancel: {
                connection.interrupt()
            }
        } catch {
            throw StateFailure.described(error, doing: "registering the pipelines in \(database)", database: database)
        }
    }
}
