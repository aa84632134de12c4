import RelayPostgreSQL
import RelayTesting
import Synchronization

/// A consumer as anybody would write it: a loop of `fetch` and `ack` over a plain connection.
final class Consumer: Sendable {
    /// One event as the consumer got it.
    struct Delivery: Sendable {
        var id: String
        var type: String
        var key: String
    }

    /// What the consumer has seen so far.
    struct Tally: Sendable {
        /// Distinct events.
        var ids: Set<String> = []
        /// Deliveries of an event that had come before.
        var duplicates = 0
        /// Events that are not the one after the last one of their order.
        var orderViolations = 0
        fileprivate var last: [String: Int] = [:]
    }

    private let connection: PGConnection
    private let onDelivery: @Sendable (Delivery) -> Void
    private let state = Mutex(Tally())
    private static let group = "demo"

    init(url: String, onDelivery: @escaping @Sendable (Delivery) -> Void) {
        connection = PGConnection(url: url, name: "consumer")
        self.onDelivery = onDelivery
    }

    var tally: Tally { state.withLock { $0 } }
    var count: Int { state.withLock { $0.ids.count } }

    /// Registers the group. The relay has made the queue by then.
    func subscribe() async throws {
        _ = try await connection.query(PGStatement("SELECT outbox_relay.subscribe($1)", [.text(Self.group)]))
    }

    /// Reads until the task is cancelled.
    func run() async throws {
        while !Task.isCancelled {
            let rows = try await connection.query(
                PGStatement(
                    """
                    SELECT token, event_id, type, key, payload ->> 'n'
                    FROM outbox_relay.fetch($1, 'consumer-1', '30 seconds', 200)
                    """, [.text(Self.group)])
            ).rows
            guard let token = rows.first?[0] else {
                try? await Task.sleep(for: .milliseconds(15))
                continue
            }
            for row in rows {
                let delivery = Delivery(id: row[1] ?? "", type: row[2] ?? "", key: row[3] ?? "")
                note(delivery, n: row[4].flatMap { Int($0) } ?? 0)
                onDelivery(delivery)
            }
            // A real consumer's own work and this would be one transaction.
            _ = try await connection.query(
                PGStatement("SELECT outbox_relay.ack($1, $2::uuid)", [.text(Self.group), .text(token)]))
        }
    }

    private func note(_ delivery: Delivery, n: Int) {
        state.withLock { tally in
            if !tally.ids.insert(delivery.id).inserted { tally.duplicates += 1 }
            let last = tally.last.updateValue(n, forKey: delivery.key) ?? 0
            if n != last + 1 { tally.orderViolations += 1 }
        }
    }
}
