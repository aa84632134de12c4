import Logging
import RelayCore

extension MongoSource {
    /// Where events come from.
    public enum Kind: String, Sendable {
        /// Documents inserted into an outbox collection.
        case outbox
        /// Elements of an array in aggregate documents.
        case embedded
        /// Every change of documents.
        case changes
    }

    /// What the source needs to know.
    public struct Options: Sendable {
        public var endpoint: MongoEndpoint
        public var kind: Kind = .outbox
        /// The collections, in no order; empty for the whole database (`changes` only).
        public var collections: [String]
        /// Collections of the database that are never read.
        public var excluded: [String] = []
        public var mapping: OutboxMapping
        /// `embedded`: the array's path.
        public var eventsPath = "outbox"
        /// `changes`: which images a change carries.
        public var images = ChangeImages.lookup
        /// The pipeline's name: the first start's time is stored under it.
        public var pipeline: String
        /// Whether what was there at the first start is published.
        public var publishesBacklog: Bool
        /// Whether the pipeline halts when a collection is dropped or renamed.
        public var haltsOnInvalidate: Bool
        /// Whether the pipeline halts at a document that is no event.
        public var haltsOnPoison: Bool
        public var onHistoryLost = HistoryLostPolicy.halt
        /// How far before the checkpoint a rescan looks where nothing is cleaned up.
        public var rescanSlack = Duration.seconds(3600)
        /// Whether settled documents are deleted or marked.
        public var isCleanedUp = false

        /// Options for the pipeline `pipeline`, which reads the endpoint's collection as an outbox.
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
            collections = [endpoint.collection]
        }
    }
}

extension MongoSource.Options {
    /// What is read, for people: `shop.outbox`, `shop.{carts,orders}`, `shop.*`.
    var namespace: String {
        switch collections.count {
        case 0: "\(endpoint.database).*"
        case 1: "\(endpoint.database).\(collections[0])"
        default: "\(endpoint.database).{\(collections.sorted().joined(separator: ","))}"
        }
    }

    /// What is watched by the stream.
    var watched: StreamShape.Watched {
        switch collections.count {
        case 0: .all(excluding: excluded.sorted())
        case 1: .one(collections[0])
        default: .several(collections.sorted())
        }
    }

    /// What decides whether a token can be resumed, by name, so that a change can be named.
    var fingerprint: [String: String] {
        var print = ["database": endpoint.database]
        switch watched {
        case .one(let name): print["collection"] = name
        case .several(let names): print["collection"] = names.joined(separator: ",")
        case .all(let excluded): print["collection"] = "*" + excluded.map { " but \($0)" }.joined()
        }
        // Checkpoints of before there were others name no kind.
        if kind != .outbox { print["kind"] = kind.rawValue }
        if kind == .changes { print["images"] = images.rawValue }
        if kind == .embedded { print["eventsPath"] = eventsPath }
        return print
    }

    /// The field that orders a backlog exactly: of outbox documents only.
    var backlogSequence: String? { kind == .outbox ? mapping.sequence : nil }

    /// What makes events of what is read.
    func maker(_ connection: MongoConnection, logger: Logger? = nil) -> any EventMaker {
        switch kind {
        case .outbox: OutboxMaker(self, connection: connection)
        case .embedded: EmbeddedMaker(self, connection: connection, logger: logger)
        case .changes: ChangesMaker(self)
        }
    }

    /// What a person can do about a lost history.
    var historyLostAdvice: String {
        kind == .changes
            ? "No collection holds what was missed: make up for it (for example compare the consumers' data with the "
                + "collections), then set SOURCE_ON_HISTORY_LOST=skip to go on behind the gap, which is recorded in "
                + "\(LostHistory.collection)"
            : "Set SOURCE_ON_HISTORY_LOST=rescan to publish what the collection still holds of it, or skip to go on "
                + "behind the gap, which is recorded in \(LostHistory.collection)"
    }
}
