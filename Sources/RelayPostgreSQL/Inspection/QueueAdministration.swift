import Foundation
import RelayCore

/// What commands do with a pipeline's state in PostgreSQL: they read, and leave requests for the relay that holds
/// the lease.
public struct QueueAdministration: Sendable {
    private let options: NativeQueue.Options
    private let schema: String
    private let connection: PGConnection

    /// For the pipeline of `options`.
    public init(_ options: NativeQueue.Options) {
        self.options = options
        schema = NativeSchema.quoteIdentifier(options.schema)
        connection = PGConnection(url: options.url, name: "pg-command")
    }

    /// A dead letter as people see it.
    public struct Letter: Sendable, Codable {
        public var id: Int64
        public var pipeline: String
        public var eventID: String?
        public var topic: String?
        public var type: String?
        public var key: String?
        public var reasonCode: String
        public var reason: String
        public var attempts: Int
        public var createdAt: String
        public var state: String
        /// `show` only: the source document as canonical Extended JSON, or else the payload.
        public var document: String?
        public var payload: String?
        public var headers: String?
    }

    /// The newest dead letters that wait, or all with `includingResolved`.
    public func letters(limit: Int, includingResolved: Bool) async throws -> [Letter] {
        try await select(
            "AND (state = 'dead' OR $2::boolean) ORDER BY id DESC LIMIT $3::bigint",
            [.text(includingResolved ? "true" : "false"), PGParameter(limit)], whole: false)
    }

    /// One dead letter, whole.
    public func letter(_ id: Int64) async throws -> Letter? {
        try await select("AND id = $2::bigint", [PGParameter(id)], whole: true).first
    }

    /// The ids of all dead letters that wait, oldest first.
    public func waitingIDs() async throws -> [Int64] {
        let rows = try await connection.query(
            PGStatement(
                "SELECT id FROM \(schema).dead_letters WHERE pipeline = $1 AND state = 'dead' ORDER BY id",
                [.text(options.pipeline)]))
        return rows.rows.compactMap { $0[0].flatMap { Int64($0) } }
    }

    /// Leaves a request and waits for its answer.
    /// - Throws: ``RelayError`` when no relay answered within `timeout`: the request is withdrawn then.
    public func request(_ kind: RelayRequest.Kind, within timeout: Duration) async throws -> RequestAnswer {
        let (name, argument) = try RequestText.text(kind)
        let left = try await connection.query(
            PGStatement(
                "SELECT \(schema).leave_request($1, $2, $3::jsonb, $4::interval) AS id",
                [.text(options.pipeline), .text(name), .text(argument), PGParameter(timeout)]))
        guard let id = left[0, "id"].flatMap({ Int64($0) }) else {
            throw RelayError(.internalFault, "the request could not be left")
        }
        let end = ContinuousClock.now + timeout
        var isRunning = false
        while ContinuousClock.now < end || isRunning {
            let rows = try await connection.query(
                PGStatement(
                    "SELECT state, answer FROM \(schema).requests WHERE id = $1::bigint", [PGParameter(id)]))
            isRunning = rows[0, "state"] == "running" && ContinuousClock.now < end + .seconds(300)
            if let state = rows[0, "state"], state == "done" || state == "failed" {
                let text = rows[0, "answer"] ?? ""
                return (try? JSONDecoder().decode(RequestAnswer.self, from: Data(text.utf8)))
                    ?? RequestAnswer(succeeded: state == "done", message: state)
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        _ = try await connection.query(
            PGStatement(
                "UPDATE \(schema).requests SET state = 'expired', finished_at = clock_timestamp() "
                    + "WHERE id = $1::bigint AND state = 'pending'", [PGParameter(id)]))
        throw RelayError(
            .unavailable,
            "no relay answered for pipeline \(options.pipeline) within \(Int(timeout / .seconds(1))) s: is one running "
                + "with this configuration? The request was withdrawn")
    }

    private func select(_ condition: String, _ parameters: [PGParameter], whole: Bool) async throws -> [Letter] {
        let rows = try await connection.query(
            PGStatement(
                """
                SELECT id, event_id, topic, type, key, reason_code, reason, attempts, state,
                    to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at
                    \(whole ? ", document_json, encode(payload, 'escape') AS payload, headers" : "")
                FROM \(schema).dead_letters WHERE pipeline = $1 \(condition)
                """, [.text(options.pipeline)] + parameters))
        return (0..<rows.count).map { row in
            Letter(
                id: rows[row, "id"].flatMap { Int64($0) } ?? 0, pipeline: options.pipeline,
                eventID: rows[row, "event_id"], topic: rows[row, "topic"], type: rows[row, "type"],
                key: rows[row, "key"], reasonCode: rows[row, "reason_code"] ?? "", reason: rows[row, "reason"] ?? "",
                attempts: rows[row, "attempts"].flatMap { Int($0) } ?? 0, createdAt: rows[row, "created_at"] ?? "",
                state: rows[row, "state"] ?? "", document: rows[row, "document_json"], payload: rows[row, "payload"],
                headers: rows[row, "headers"])
        }
    }
}
