import Foundation
import RelayCore

extension QueueAdministration {
    public func uncompensated(limit: Int) async throws -> [UncompensatedLetter] {
        let rows = try await connection.query(
            PGStatement(
                """
                SELECT id, reason_code, reason, attempts, event_id, topic, type, key, headers,
                    encode(payload, 'hex') AS payload, schema_version, traceparent,
                    (extract(epoch FROM occurred_at) * 1000)::bigint AS occurred_at,
                    (extract(epoch FROM created_at) * 1000)::bigint AS created_at,
                    (extract(epoch FROM first_attempt_at) * 1000)::bigint AS first_attempt_at,
                    (extract(epoch FROM last_attempt_at) * 1000)::bigint AS last_attempt_at,
                    encode(document, 'hex') AS document, document_json
                FROM \(schema).dead_letters
                WHERE pipeline = $1 AND compensated_at IS NULL AND state <> 'retried' ORDER BY id LIMIT $2::int
                """, [.text(options.pipeline), PGParameter(limit)]), within: .seconds(30))
        return (0..<rows.count).map { row in
            func time(_ column: String) -> Int64? { rows[row, column].flatMap { Int64($0) } }
            var letter = UncompensatedLetter(
                id: time("id") ?? 0, reasonCode: rows[row, "reason_code"] ?? "", reason: rows[row, "reason"] ?? "",
                attempts: rows[row, "attempts"].flatMap { Int($0) } ?? 0, event: event(in: rows, row))
            letter.createdAt = time("created_at")
            letter.firstAttempt = time("first_attempt_at")
            letter.lastAttempt = time("last_attempt_at")
            return letter
        }
    }

    private func event(in rows: PGRows, _ row: Int) -> EventReference {
        let batch = EventBatch(end: Checkpoint())
        let arena = batch.arena
        var record = EventRecord(deadLetterIn: rows, row, appendingTo: arena)
        record.documentText = rows[row, "document_json"].map { arena.appended($0) } ?? .none
        if record.payload.isPresent {
            // The column does not tell; what is no JSON went out as bytes.
            let payload = Data(arena[record.payload])
            let isJSON = (try? JSONSerialization.jsonObject(with: payload, options: .fragmentsAllowed)) != nil
            record.payloadIsBinary = !isJSON
        }
        if let document = rows[row, "document"].flatMap(NativeQueue.bytes) {
            record.document = arena.appended(document)
        }
        batch.append(record)
        return EventReference(batch, index: 0, position: 0)
    }

    public func markCompensated(_ ids: [Int64]) async throws {
        _ = try await connection.query(
            PGStatement(
                "UPDATE \(schema).dead_letters SET compensated_at = clock_timestamp() "
                    + "WHERE pipeline = $1 AND id = ANY ($2::bigint[])",
                [.text(options.pipeline), .text("{\(ids.map(String.init).joined(separator: ","))}")]))
    }

    public func leave(_ kind: RelayRequest.Kind, identity: String) async throws {
        let (name, argument) = try RequestText.text(kind)
        _ = try await connection.query(
            PGStatement(
                "SELECT \(schema).leave_request_once($1, $2, $3::jsonb, $4)",
                [.text(options.pipeline), .text(name), .text(argument), .text(identity)]))
    }
}
