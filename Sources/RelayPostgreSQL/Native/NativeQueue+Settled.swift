import Foundation
import RelayCore

extension NativeQueue {
    public func settled(among ids: [String]) async throws -> Set<String> {
        var found: Set<String> = []
        // NUL has no place in a text column: such an id is in the queue never.
        let ids = ids.filter { !$0.utf8.contains(0) }
        for start in stride(from: 0, to: ids.count, by: Self.idsAtOnce) {
            let part = ids[start..<min(ids.count, start + Self.idsAtOnce)]
            let rows = try await control.query(
                PGStatement(
                    """
                    SELECT event_id FROM \(schema).events WHERE event_id = ANY($2::text[])
                        AND stream = (SELECT stream FROM \(schema).streams WHERE pipeline = $1)
                    UNION SELECT event_id FROM \(schema).dead_letters
                        WHERE event_id = ANY($2::text[]) AND pipeline = $1
                    UNION SELECT event_id FROM \(schema).delayed WHERE event_id = ANY($2::text[]) AND pipeline = $1
                    """, [.text(options.pipeline), .text(Self.array(part))]))
            found.formUnion(rows.rows.compactMap { $0[0] })
        }
        return found
    }

    /// Ids that are looked for at once.
    private static let idsAtOnce = 2000

    /// The text of an array of texts.
    static func array(_ texts: some Sequence<String>) -> String {
        let quoted = texts.map { text in
            "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"") + "\""
        }
        return "{" + quoted.joined(separator: ",") + "}"
    }
}
