import Logging

@testable import RelayCore

/// A pipeline between a ``ModelSource`` and a ``ModelServer``, running.
struct ModelRelay: Sendable {
    let pipeline: Pipeline
    let status: PipelineStatus
    let source: ModelSource
    let task: Task<Void, any Error>

    init(
        _ server: ModelServer, _ source: ModelSource, filter: EventFilter = EventFilter(),
        limits: BatchLimits = BatchLimits(events: 10), ttl: Duration = .milliseconds(600)
    ) {
        self.source = source
        let client = ModelClient(server)
        status = PipelineStatus(name: "model", destination: "default", progress: LoopProgress())
        let pipeline = Pipeline(
            Pipeline.Parts(
                name: "model", source: source, destination: client, store: client, filter: filter, limits: limits,
                leaseTTL: ttl),
            status: status, logger: Logger(label: "model") { _ in SwiftLogNoOpLogHandler() })
        self.pipeline = pipeline
        task = Task { await pipeline.run() }
    }

    /// Asks the pipeline to end; whether it did within `limit`.
    func stop(within limit: Duration = .seconds(8)) async -> Bool {
        pipeline.stop()
        return await result(of: task, within: limit) != nil
    }

    /// Cancels the pipeline; whether it ended within `limit`.
    func cancel(within limit: Duration = .seconds(8)) async -> Bool {
        task.cancel()
        return await result(of: task, within: limit) != nil
    }

    /// What the queue must hold of the first `count` events.
    static func expected(_ count: Int, types: [String] = ["rare", "common"]) -> [String] {
        (0..<count).filter { !ModelSource.isPoison($0) && types.contains(ModelSource.type($0)) }.map { "e\($0)" }
    }

    /// What must be dead-lettered of the first `count` documents.
    static func poison(_ count: Int) -> [String] { (0..<count).filter(ModelSource.isPoison).map { "e\($0)" } }
}

extension ModelServer.State {
    /// The queue without dead letters that were delivered again.
    var first: [String] { queue.filter { !$0.hasPrefix("again:") } }
}
