import RelayCore

/// Reads every event of the outbox for `audit`, in pages.
public struct OutboxAudit: Sendable {
    /// What is read of one event.
    public struct Event: Sendable {
        public var id: String?
        public var topic: String
        public var type: String
        public var isEvent: Bool
        public var isMarked: Bool
        /// See ``AuditRule/Event/time``.
        public var time: Int64?
    }

    /// Some events, and the cluster's time when they were read.
    public struct Page: Sendable {
        public var events: [Event]
        /// Where the next page begins; nil behind the last.
        public var next: String?
        public var time: ClusterTime?
    }

    private let options: MongoSource.Options
    private let connection: MongoConnection
    private let scan: OutboxScan

    /// An audit of the source with these options.
    public init(_ options: MongoSource.Options) {
        self.options = options
        connection = MongoConnection(uri: options.endpoint.uri, name: "mongo-audit", socketTimeout: .seconds(300))
        scan = OutboxScan(options.mapping, endpoint: options.endpoint)
    }

    /// The page behind `cursor`.
    /// - Parameter since: leaves out what occurred before, in Unix milliseconds.
    public func page(behind cursor: String?, since: Int64?) async throws -> Page {
        do {
            return try await read(behind: cursor, since: since)
        } catch let failure as MongoFailure {
            throw failure.described(
                doing: "reading \(options.endpoint.database).\(options.endpoint.collection)",
                needing: "role `read` on database \(options.endpoint.database)")
        } catch let error as BSONError {
            throw RelayError(.refused, "MongoDB sent an answer that cannot be read: \(error)")
        }
    }

    private func read(behind cursor: String?, since: Int64?) async throws -> Page {
        var events: [Event] = []
        // Before the page: what it holds may be committed later than this, never what it is compared with.
        let field = options.mapping.time
        let next = try await scan.page(behind: cursor, limit: 1000, on: connection) {
            document, decoder, made in
            let batch = EventBatch(end: Checkpoint())
            decoder.decode(document.bytes, fallbackTime: .min, into: batch)
            guard let record = batch.records.first else { return }
            func text(_ range: ByteRange) -> String? { range.isPresent ? batch.arena.string(range) : nil }
            let own = try field.flatMap { try document.value(atPath: $0) }.map { !$0.isNull } ?? false
            let occurred = own && record.occurredAt != .min ? record.occurredAt : made
            if let since, occurred != .min, occurred < (own ? since : since / 1000 * 1000) { return }
            let time = made != .min ? made : record.occurredAt
            events.append(
                Event(
                    id: text(record.id), topic: text(record.topic) ?? "", type: text(record.type) ?? "",
                    isEvent: record.outcome == .event, isMarked: try document.value("settledAt")?.date != nil,
                    time: time == .min ? nil : time))
        }
        return Page(events: events, next: next, time: try await now())
    }

    /// The cluster's time: everything read before was committed by then.
    public func now() async throws -> ClusterTime? {
        let hello = try await connection.run(["hello": 1], on: "admin").document
        return (hello[path: "$clusterTime.clusterTime"]?.timestamp ?? hello["operationTime"]?.timestamp).map {
            ClusterTime($0)
        }
    }

    /// When the pipeline began, in Unix milliseconds; nil before its first start.
    public func firstStart() async throws -> Int64? {
        let found = try await connection.run(
            [
                "find": .string(ClusterIdentity.startCollection), "filter": ["_id": .string(options.pipeline)],
                "limit": 1, "singleBatch": true,
            ], on: options.endpoint.stateDatabase
        ).document[path: "cursor.firstBatch.0.startedAt"]?.timestamp
        return found.map { Int64($0.seconds) * 1000 }
    }
}
