import Foundation
import RelayCore

/// What commands do with a pipeline's state in PostgreSQL: they read, and leave requests for the relay that holds
/// the lease.
public struct QueueAdministration: DestinationAdministration {
    let options: NativeQueue.Options
    let schema: String
    let connection: PGConnection

    /// For the pipeline of `options`.
    public init(_ options: NativeQueue.Options) {
        self.options = options
        schema = NativeSchema.quoteIdentifier(options.schema)
        connection = PGConnection(url: options.url, name: "pg-command")
    }

    public func letters(limit: Int, includingResolved: Bool) async throws -> [DeadLetterSummary] {
        try await select(
            "AND (state = 'dead' OR $2::boolean) ORDER BY id DESC LIMIT $3::bigint",
            [.text(includingResolved ? "true" : "false"), PGParameter(limit)], whole: false)
    }

    public func letter(_ id: Int64) async throws -> DeadLetterSummary? {
        try await select("AND id = $2::bigint", [PGParameter(id)], whole: true).first
    }

    public func waitingIDs() async throws -> [Int64] {
        let rows = try await connection.query(
            PGStatement(
                "SELECT id FROM \(schema).dead_letters WHERE pipeline = $1 AND state = 'dead' ORDER BY id",
                [.text(options.pipeline)]))
        return rows.rows.compactMap { $0[0].flatMap { Int64($0) } }
    }

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
        // What makes progress is waited for.
        var (isRunning, progress, limit) = (false, String?.none, end + .seconds(300))
        while ContinuousClock.now < end || isRunning {
            let rows = try await connection.query(
                PGStatement(
                    "SELECT state, answer, progress FROM \(schema).requests WHERE id = $1::bigint", [PGParameter(id)]))
            if rows[0, "progress"] != progress {
                progress = rows[0, "progress"]
                limit = .now + .seconds(300)
            }
            isRunning = rows[0, "state"] == "running" && ContinuousClock.now < limit
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
        throw Self.unanswered(pipeline: options.pipeline, within: timeout)
    }

    private func select(
        _ condition: String, _ parameters: [PGParameter], whole: Bool
    ) async throws -> [DeadLetterSummary] {
        let rows = try await connection.query(
            PGStatement(
                """
                SELECT id, event_id, topic, type, key, reason_code, reason, attempts, state,
                    to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at
                    \(whole ? ", document_json, encode(payload, 'escape') AS payload, headers" : "")
                FROM \(schema).dead_letters WHERE pipeline = $1 \(condition)
                """, [.text(options.pipeline)] + parameters))
        return (0..<rows.count).map { row in
            var letter = DeadLetterSummary(
                id: rows[row, "id"].flatMap { Int64($0) } ?? 0, pipeline: options.pipeline,
                reasonCode: rows[row, "reason_code"] ?? "", reason: rows[row, "reason"] ?? "",
                attempts: rows[row, "attempts"].flatMap { Int($0) } ?? 0, createdAt: rows[row, "created_at"] ?? "",
                state: rows[row, "state"] ?? "")
            letter.eventID = rows[row, "event_id"]
            letter.topic = rows[row, "topic"]
            letter.type = rows[row, "type"]
            letter.key = rows[row, "key"]
            letter.document = rows[row, "document_json"]
            letter.payload = rows[row, "payload"]
            letter.headers = rows[row, "headers"]
            return letter
        }
    }
}
