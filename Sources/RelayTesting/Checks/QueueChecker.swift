import RelayPostgreSQL

/// Compares the native queue's whole table with the events that were committed.
package struct QueueChecker: Sendable {
    private let connection: PGConnection
    private let table: String
    private let streams: String

    /// A checker of the queue in this database and schema.
    package init(url: String, schema: String = "outbox_relay") {
        connection = PGConnection(url: url, name: "queue-checker")
        table = "\"\(schema)\".events"
        streams = "\"\(schema)\".streams"
    }

    /// Rows in the queue now; 0 when there is no queue yet.
    package func count() async throws -> Int {
        let there = try await connection.query(
            PGStatement("SELECT to_regclass($1) IS NOT NULL AS there", [.text(table)]))
        guard there[0, "there"] == "t" else { return 0 }
        let rows = try await connection.query(PGStatement("SELECT count(*) AS n FROM \(table)"), within: .seconds(60))
        return Int(rows[0, "n"] ?? "") ?? 0
    }

    /// Waits until the queue holds so many rows.
    /// - Throws: ``TestingError`` saying how many there were when time was up.
    package func waitForRows(_ wanted: Int, within limit: Duration) async throws {
        var last = 0
        do {
            try await waiting(for: "\(wanted) rows in the queue", within: limit, every: .milliseconds(100)) {
                last = try await count()
                return last >= wanted ? true : nil
            }
        } catch let error as TestingError {
            throw TestingError("\(error) (there were \(last))")
        }
    }

    /// Reads the table in the order of its positions and compares.
    /// - Parameters:
    ///   - committed: every event that has to be there.
    ///   - aborted: ids of events that must not be there.
    package func check(_ committed: [CommittedEvent], aborted: Set<String> = []) async throws -> QueueReport {
        var report = QueueReport()
        report.committed = committed.count
        let expected = Dictionary(committed.map { ($0.id, $0) }) { first, _ in first }
        var seen: Set<String> = []
        var lastPosition: [String: Int] = [:]
        var lastNumber: [String: Int] = [:]
        try await read { stream, position, id, key, n in
            report.rows += 1
            let before = lastPosition.updateValue(position, forKey: stream) ?? 0
            if position != before + 1 { report.positionGaps.append("\(position) after \(before) in stream \(stream)") }
            if !seen.insert(id).inserted { report.duplicates.append(id) }
            guard let event = expected[id] else {
                if aborted.contains(id) { report.aborted.append(id) } else { report.unknown.append(id) }
                return
            }
            if event.key != key || event.n != n { report.altered.append(id) }
            let number = lastNumber.updateValue(event.n, forKey: event.key) ?? 0
            if event.n != number + 1 {
                report.orderViolations.append("\(event.key) number \(event.n) after \(number) at position \(position)")
            }
        }
        report.missing = committed.lazy.map(\.id).filter { !seen.contains($0) }
        return report
    }

    /// Each row in the order of streams and positions.
    private func read(_ row: (String, Int, String, String, Int?) -> Void) async throws {
        let type = try await connection.query(
            PGStatement(
                """
                SELECT format_type(atttypid, NULL) AS type FROM pg_attribute
                WHERE attrelid = $1::regclass AND attname = 'payload'
                """, [.text(table)]))
        let payload =
            type[0, "type"] == "bytea" ? "convert_from(payload, 'UTF8')::json" : "payload"
        _ = try await connection.pipeline(
            [
                PGStatement("BEGIN READ ONLY"),
                PGStatement(
                    """
                    DECLARE rows NO SCROLL CURSOR FOR
                    SELECT stream, position, event_id, key, \(payload) ->> 'n' FROM \(table) ORDER BY stream, position
                    """),
            ])
        while true {
            let rows = try await connection.query(PGStatement("FETCH 20000 FROM rows"), within: .seconds(300)).rows
            for cells in rows {
                let (position, n) = (cells[1].flatMap { Int($0) } ?? 0, cells[4].flatMap { Int($0) })
                row(cells[0] ?? "", position, cells[2] ?? "", cells[3] ?? "", n)
            }
            if rows.isEmpty { break }
        }
        _ = try await connection.query(PGStatement("COMMIT"))
    }
}
