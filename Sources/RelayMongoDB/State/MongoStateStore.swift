import Foundation
import Logging
import RelayCore
import Synchronization

/// The state of a webhook pipeline in MongoDB: lease, checkpoint, parked events, dead letters, requests.
///
/// The checkpoint's document is the fence: it names who may write (epoch, owner, and the session that its writes come
/// from) and counts the writes. Every write compares all of that, and one that changes other documents too is a
/// transaction whose last statement this comparison is. So neither a former leader nor a late write of our own, of a
/// connection that was given up, changes anything; and a leader that froze is in nobody's way but for the moment
/// between that statement and the commit, and then its session is ended.
public final class MongoStateStore: SettlementStore {
    /// What the store needs to know.
    public struct Options: Sendable {
        /// Which MongoDB; the state lies in its `stateDatabase`.
        public var endpoint: MongoEndpoint
        /// The pipeline's name: the key of its documents.
        public var pipeline: String
        /// Whether collections and indexes that are missing are created.
        public var createsCollections: Bool
        /// A name for people: host and process of this relay.
        public var holder: String

        /// Options for the pipeline `pipeline`.
        public init(endpoint: MongoEndpoint, pipeline: String, createsCollections: Bool = true, holder: String) {
            self.endpoint = endpoint
            self.pipeline = pipeline
            self.createsCollections = createsCollections
            self.holder = holder
        }
    }

    /// What the only writer knows of the checkpoint's document beyond ``StoredState``.
    struct Writer: Sendable {
        var grant: LeaseGrant
        /// The session that may write.
        var session: [UInt8]
        var revision: Int64
        /// The id of the newest dead letter.
        var lastDeadLetter: Int64
        /// How many parked events have chunks: where there are none, none are looked for.
        var large: Int64
    }

    let options: Options
    let logger: Logger
    /// Settlements and takeovers, each in one piece.
    let data: MongoConnection
    /// Lease and requests: never behind a settlement.
    let control: MongoConnection
    /// What is parked and given up on.
    let reads: MongoConnection
    /// Counts and old requests: nothing waits for them.
    let upkeep: MongoConnection
    let grant = Mutex<LeaseGrant?>(nil)
    public let clock = StoreClock()
    /// Nil when it is not known what is stored.
    let writer = Mutex<Writer?>(nil)
    /// Sessions that wrote before and may still have something under way.
    let unended = Mutex<[[UInt8]]>([])
    /// The time of the newest write: reads never go behind it, whichever server answers them.
    let newest = Mutex<BSONTimestamp?>(nil)
    /// When the counters were last compared with what they count.
    let lastRecount = Mutex<ContinuousClock.Instant?>(nil)

    /// A store, not yet connected.
    public init(_ options: Options, logger: Logger) {
        self.options = options
        var logger = logger
        logger[metadataKey: "pipeline"] = "\(options.pipeline)"
        self.logger = logger
        let uri = options.endpoint.uri
        data = MongoConnection(uri: uri, name: "mongo-state", socketTimeout: .seconds(20))
        control = MongoConnection(uri: uri, name: "mongo-lease", socketTimeout: .seconds(5))
        reads = MongoConnection(uri: uri, name: "mongo-parked", socketTimeout: .seconds(20))
        upkeep = MongoConnection(uri: uri, name: "mongo-upkeep", socketTimeout: .seconds(60))
    }

    public func cancelUpkeep() { upkeep.interrupt() }

    var database: String { options.endpoint.stateDatabase }
    var pipeline: BSONValue { .string(options.pipeline) }
    var queries: StateQueries { StateQueries(pipeline: options.pipeline) }

    /// Runs `body` on a connection's thread, in one piece.
    ///
    /// A cancelled task breaks off the call that is under way, and so does the end of `limit`, which no server's
    /// silence outlasts.
    /// - Throws: ``RelayError``.
    func call<Answer: Sendable>(
        _ connection: MongoConnection, doing what: String, within limit: Duration? = nil,
        _ body: @escaping @Sendable (isolated MongoConnection) throws -> Answer
    ) async throws -> Answer {
        let hasEnded = Ended()
        defer { hasEnded.set() }
        // More than once: what the driver itself tries again waits for the same server.
        @Sendable func breakOff() {
            connection.interrupt()
            Task {
                while true {
                    try await Task.sleep(for: .milliseconds(100))
                    if hasEnded.isSet { return }
                    connection.interrupt()
                }
            }
        }
        let timer = limit.map { limit in
            Task {
                try await Task.sleep(for: limit)
                breakOff()
            }
        }
        defer { timer?.cancel() }
        do {
            return try await withTaskCancellationHandler {
                try await connection.perform(body)
            } onCancel: {
                breakOff()
            }
        } catch {
            throw StateFailure.described(error, doing: what, database: database)
        }
    }

    /// Reads documents on a connection of their own, never behind the newest write.
    func read<Answer: Sendable>(
        _ command: BSONDocument, doing what: String, _ each: @escaping @Sendable (BSONView) throws -> Answer
    ) async throws -> [Answer] {
        let command = command.appending("readConcern", readConcern)
        let database = database
        return try await call(reads, doing: what) { try $0.all(command, on: database, each) }
    }

    var readConcern: BSONValue {
        var fields: [(String, BSONValue)] = [("level", "majority")]
        if let time = newest.withLock({ $0 }) { fields.append(("afterClusterTime", .timestamp(time))) }
        return .document(BSONDocument(fields))
    }

    /// Remembers when something was written.
    func note(_ time: BSONTimestamp?) {
        guard let time else { return }
        newest.withLock { $0 = max($0 ?? time, time) }
    }

    static let majority: BSONValue = ["w": "majority", "wtimeout": 10_000]
}

/// Whether a call has ended, for whoever wants to break it off.
private final class Ended: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
