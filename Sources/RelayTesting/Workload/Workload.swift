import RelayMongoDB
import Synchronization

/// A service that writes orders and, in the same MongoDB transactions, their outbox events, from several connections
/// at once. Some transactions are aborted on purpose, with their events in them.
///
/// Each transaction counts up the `n` of its order's document and numbers its events with it. So the events of a key
/// carry 1, 2, 3 … in commit order, and who reads them can tell whether one is missing, doubled or out of turn.
package final class Workload: Sendable {
    package let options: WorkloadOptions
    private let uri: String
    private let next = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)
    private let counts = Mutex<(committed: Int, aborted: Int)>((0, 0))

    /// A workload for the MongoDB at `uri`.
    package init(uri: String, options: WorkloadOptions) {
        self.uri = uri
        self.options = options
        DriverLog.quieten()
    }

    /// Transactions so far.
    package var progress: (committed: Int, aborted: Int) { counts.withLock { $0 } }

    /// Ends the work early: writers finish the transaction that they are in.
    package func stop() { isStopped.store(true, ordering: .relaxed) }

    /// Makes the two collections where they are missing: made by the first transactions, they would only conflict.
    /// - Throws: `MongoFailure`.
    package func prepare() async throws {
        let connection = MongoConnection(uri: uri, name: "shop", socketTimeout: .seconds(30))
        for name in [options.orders, options.outbox] {
            do {
                _ = try await connection.run(["create": .string(name)], on: options.database)
            } catch let failure as MongoFailure where failure.code == 48 {
                // NamespaceExists
            }
        }
    }

    /// Does the work; returns when all events are committed, or soon after ``stop()`` or a cancellation.
    /// - Parameter onCommit: called for each committed event, from many threads at once.
    /// - Throws: ``TestingError`` when a transaction could not be finished within `retryFor`.
    package func run(onCommit: @escaping @Sendable (CommittedEvent) -> Void = { _ in }) async throws -> WorkloadRecord {
        let start = ContinuousClock.now
        var record = try await withThrowingTaskGroup(of: WorkloadRecord.self) { group in
            for number in 1...options.writers {
                let writer = WorkloadWriter(
                    connection: MongoConnection(uri: uri, name: "shop-\(number)", socketTimeout: .seconds(20)),
                    options: options)
                group.addTask { try await self.work(writer, start, onCommit) }
            }
            var record = WorkloadRecord()
            for try await part in group { record.add(part) }
            return record
        }
        record.duration = start.duration(to: .now)
        return record
    }

    private func work(
        _ writer: WorkloadWriter, _ start: ContinuousClock.Instant, _ onCommit: @Sendable (CommittedEvent) -> Void
    ) async throws -> WorkloadRecord {
        var record = WorkloadRecord()
        while !isStopped.load(ordering: .relaxed), !Task.isCancelled {
            let unit = next.wrappingAdd(1, ordering: .relaxed).oldValue
            let left = options.events - unit * options.eventsPerTransaction
            guard left > 0 else { break }
            if let rate = options.rate {
                // By the clock and not by pauses: who was late catches up.
                let due = start + .seconds(1) * (Double(unit) / rate)
                if due > .now {
                    try? await Task.sleep(until: due, clock: .continuous)
                    if Task.isCancelled { break }
                }
            }
            if Double.random(in: 0..<1) < options.abortRatio {
                record.aborted.formUnion(try await writer.abort(key: key(for: unit), &record.retries))
                record.abortedTransactions += 1
                counts.withLock { $0.aborted += 1 }
            }
            let events = try await writer.commit(
                key: key(for: unit), events: min(left, options.eventsPerTransaction), &record)
            record.committed += events
            record.committedTransactions += 1
            counts.withLock { $0.committed += 1 }
            for event in events { onCommit(event) }
        }
        return record
    }

    private func key(for unit: Int) -> String {
        switch options.keys {
        case .random(let count): "\(options.keyPrefix)\(Int.random(in: 0..<count))"
        case .orders(let width, let steps):
            "\(options.keyPrefix)\(unit / (width * steps) * width + unit % width + 1)"
        }
    }
}
