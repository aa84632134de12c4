import Foundation
import RelayCore

extension QueueAdministration {
    public func fates(of ids: [String]) async throws -> [String: EventFate] {
        // As dead letters hold them: PostgreSQL's text takes no NUL.
        let names = Dictionary(ids.map { ($0.replacingOccurrences(of: "\0", with: "\\0"), $0) }) { first, _ in first }
        let list = String(decoding: try JSONEncoder().encode(Array(names.keys)), as: UTF8.self)
        let rows = try await connection.query(
            PGStatement(
                """
                WITH ids AS MATERIALIZED (SELECT jsonb_array_elements_text($2::jsonb) AS id)
                SELECT e.event_id, 'delivered' AS fate FROM \(schema).events e
                    WHERE e.event_id = ANY (ARRAY(SELECT id FROM ids))
                        AND e.stream = (SELECT c.stream FROM \(schema).checkpoints c WHERE c.pipeline = $1)
                UNION ALL SELECT d.event_id, 'parked' FROM ids JOIN \(schema).delayed d ON d.event_id = ids.id
                    WHERE d.pipeline = $1
                UNION ALL SELECT l.event_id, l.state FROM ids JOIN \(schema).dead_letters l ON l.event_id = ids.id
                    WHERE l.pipeline = $1
                """, [.text(options.pipeline), .text(list)]), within: .seconds(120))
        var fates: [String: EventFate] = [:]
        for row in rows.rows {
            guard let name = row[0], let id = names[name], let fate = Self.fate(row[1] ?? "") else { continue }
            // A row in the queue is there, whatever was before.
            fates[id] = .deciding(fate, fates[id], in: [.delivered, .parked, .deadLettered, .discarded])
        }
        return fates
    }

    /// What was retried was delivered in the same transaction.
    private static func fate(_ text: String) -> EventFate? {
        switch text {
        case "delivered", "retried": .delivered
        case "parked": .parked
        case "dead": .deadLettered
        case "discarded": .discarded
        default: nil
        }
    }

    public func reach() async throws -> PipelineReach {
        let rows = try await connection.query(
            PGStatement(
                """
                SELECT c.checkpoint, coalesce(l.owner IS NOT NULL AND l.expires_at > clock_timestamp(), false) AS led
                FROM \(schema).checkpoints c LEFT JOIN \(schema).leases l ON l.pipeline = c.pipeline
                WHERE c.pipeline = $1
                """, [.text(options.pipeline)]))
        let checkpoint = try rows[0, "checkpoint"].map { try CheckpointText.decode($0, pipeline: options.pipeline) }
        return PipelineReach(checkpoint: checkpoint, isLed: rows[0, "led"] == "t")
    }
}
