import RelayCore

/// A pipeline as the registry knows it.
struct RegisteredPipeline: Sendable, Equatable {
    /// `<relay name>/<destination>`.
    var name: String
    /// `<database>.<collection>`.
    var source: String
    /// Everything before this time is settled; nil while that is not so even for the backlog.
    var settled: ClusterTime?
    /// Why it is paused, if it is.
    var paused: String?
    /// Since when no relay has said that it runs it.
    var silence: Duration

    /// A pipeline.
    init(name: String, source: String, settled: ClusterTime?, paused: String? = nil, silence: Duration = .zero) {
        self.name = name
        self.source = source
        self.settled = settled
        self.paused = paused
        self.silence = silence
    }

    /// Nil for the document that holds the generation.
    init?(_ document: BSONDocument) {
        guard let name = document[path: "_id.pipeline"]?.string, let source = document[path: "_id.source"]?.string
        else { return nil }
        self.init(
            name: name, source: source, settled: document["settled"]?.timestamp.map { ClusterTime($0) },
            paused: document["paused"]?.string,
            // Never having been renewed is to have been so for ever.
            silence: document["silence"]?.int64.map { .milliseconds(max(0, $0)) } ?? .seconds(86_400))
    }

    /// Whether some relay runs it now: each says so every ``PipelineRegistrar/renewal``.
    var isAlive: Bool { silence < Self.lifetime }

    /// For how long a relay that says nothing is believed to run.
    static let lifetime = Duration.seconds(60)
}
