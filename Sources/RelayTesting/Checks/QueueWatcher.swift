import RelayPostgreSQL
import Synchronization

/// Watches the queue's table from a connection of its own and notes when each event could be seen first.
///
/// What it notes is later than the row's commit by at most a poll's interval and duration: latencies measured so are
/// too long rather than too short.
package final class QueueWatcher: Sendable {
    private let connection: PGConnection
    private let schema: String
    private let interval: Duration
    private let state = Mutex<(arrivals: [String: ContinuousClock.Instant], last: Int)>(([:], 0))

    /// A watcher of the only stream of the queue in this database and schema.
    package init(url: String, schema: String = "outbox_relay", interval: Duration = .milliseconds(2)) {
        connection = PGConnection(url: url, name: "queue-watcher")
        self.schema = "\"\(schema)\""
        self.interval = interval
    }

    /// When each event was seen first, by event id.
    package var arrivals: [String: ContinuousClock.Instant] { state.withLock { $0.arrivals } }
    /// When this event was seen first; nil while it has not been.
    package func arrival(of id: String) -> ContinuousClock.Instant? { state.withLock { $0.arrivals[id] } }
    /// How many events have been seen.
    package var count: Int { state.withLock { $0.arrivals.count } }

    /// Watches until the task is cancelled. A queue that is not there yet, or a server that is away, is waited for.
    package func run() async {
        while !Task.isCancelled {
            do {
                try await poll()
                try? await Task.sleep(for: interval, tolerance: .zero)
            } catch {
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func poll() async throws {
        let last = state.withLock { $0.last }
        // The checkpoint's row only spares a look at the table where there is nothing new; what counts as seen is a
        // row of the table. By slot, since that is how the queue's index goes.
        let rows = try await connection.query(
            PGStatement(
                """
                SELECT e.position, e.event_id FROM \(schema).checkpoints c
                CROSS JOIN LATERAL (SELECT e.position, e.event_id FROM \(schema).events e
                    WHERE e.stream = c.stream AND e.slot = ANY (ARRAY(SELECT generate_series(0, 255)::smallint))
                        AND e.position > $1::bigint) e
                WHERE c.position > $1::bigint
                """, [PGParameter(last)]))
        let now = ContinuousClock.now
        state.withLock { state in
            for cells in rows.rows {
                guard let position = cells[0].flatMap({ Int($0) }), let id = cells[1] else { continue }
                state.last = max(state.last, position)
                if state.arrivals[id] == nil { state.arrivals[id] = now }
            }
        }
    }
}
