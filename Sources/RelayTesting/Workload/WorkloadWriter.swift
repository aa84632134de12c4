import Foundation
import RelayMongoDB

/// One connection of the workload, and the transactions that it runs, one at a time.
struct WorkloadWriter: Sendable {
    let connection: MongoConnection
    let options: WorkloadOptions

    /// How a commit without a clear answer turned out.
    private enum Outcome {
        case committed
        case aborted
    }

    /// Writes events of a key and aborts; tries again when something else ends the transaction before.
    /// - Returns: the ids of the events that must never be delivered.
    func abort(key: String, _ retries: inout Int) async throws -> [String] {
        try await retrying(&retries) {
            let (events, _) = try await write(key: key, count: options.eventsPerTransaction)
            // The server forgets an unfinished transaction by itself: a lost answer changes nothing.
            try? await connection.abortTransaction()
            return events
        }
    }

    /// Writes events of a key and commits, as often as it takes.
    /// - Parameter record: gets the ids of attempts that were not committed.
    /// - Returns: the committed events, in the order of the transaction.
    func commit(key: String, events count: Int, _ record: inout WorkloadRecord) async throws -> [CommittedEvent] {
        var lost: [String] = []
        defer { record.aborted.formUnion(lost) }
        return try await retrying(&record.retries) {
            let (ids, first) = try await write(key: key, count: count)
            switch try await commit(ids[0]) {
            case .committed: break
            case .aborted:
                lost += ids
                throw TestingError("the transaction was aborted by the server")
            }
            let now = ContinuousClock.now
            return ids.enumerated().map { CommittedEvent(id: $1, key: key, n: first + $0, committedAt: now) }
        }
    }

    /// Begins a transaction, counts up the order and inserts its events. The transaction is over when this throws.
    /// - Returns: the events' ids and the number of the first.
    private func write(key: String, count: Int) async throws -> (ids: [String], first: Int) {
        try await connection.startTransaction()
        do {
            let reply = try await connection.run(
                [
                    "findAndModify": .string(options.orders), "query": ["_id": .string(key)],
                    "update": [
                        "$inc": ["n": .integer(count)],
                        "$set": ["updatedAt": .date(Int64(Date().timeIntervalSince1970 * 1000))],
                    ],
                    "upsert": true, "new": true, "fields": ["n": 1],
                ], on: options.database, inSession: true
            ).document
            guard let last = reply["value"]?.document?["n"]?.int else {
                throw TestingError("the order \(key) came back without its number")
            }
            let first = last - count + 1
            let ids = (0..<count).map { _ in ObjectIDs.next() }
            let documents = ids.enumerated().map { index, id in
                BSONValue.document(
                    ShopEvent.document(id: id, key: key, n: first + index, filling: options.filling))
            }
            let inserted = try await connection.run(
                ["insert": .string(options.outbox), "documents": .array(documents)], on: options.database,
                inSession: true
            ).document
            guard inserted["n"]?.int == count, inserted["writeErrors"] == nil else {
                throw TestingError("MongoDB did not take the events of \(key)")
            }
            return (ids.map(\.description), first)
        } catch {
            try? await connection.abortTransaction()
            throw error
        }
    }

    /// Commits, and finds out what became of it where the answer was lost.
    private func commit(_ id: String) async throws -> Outcome {
        var wasUnknown = false
        let end = ContinuousClock.now + options.retryFor
        while true {
            do {
                try await connection.commitTransaction()
                return .committed
            } catch let failure as MongoFailure {
                let isUnknown = !failure.isFromServer || Self.unknownOutcome.contains(failure.code)
                if !isUnknown && !wasUnknown { return .aborted }
                // A server that knows no such transaction either never had it or has finished with it: look.
                if !isUnknown { return try await isThere(id, until: end) ? .committed : .aborted }
                guard ContinuousClock.now < end else {
                    throw TestingError("a commit's outcome stayed unknown for \(options.retryFor): \(failure.message)")
                }
                wasUnknown = true
                await pause(.milliseconds(100))
            }
        }
    }

    /// Whether the event is in the outbox, as a majority sees it.
    private func isThere(_ id: String, until end: ContinuousClock.Instant) async throws -> Bool {
        while true {
            do {
                let reply = try await connection.run(
                    [
                        "find": .string(options.outbox), "filter": ["_id": .objectID(BSONObjectID(id)!)],
                        "projection": ["_id": 1], "readConcern": ["level": "majority"],
                    ], on: options.database
                ).document
                return reply["cursor"]?.document?["firstBatch"]?.array?.isEmpty == false
            } catch {
                guard ContinuousClock.now < end else { throw error }
                await pause(.milliseconds(200))
            }
        }
    }

    /// Makes attempts with growing pauses until one succeeds. Every failure of a body that has aborted can be tried
    /// again: nothing of it was written.
    private func retrying<Answer>(_ retries: inout Int, _ attempt: () async throws -> Answer) async throws -> Answer {
        let end = ContinuousClock.now + options.retryFor
        var longest = 2.0
        while true {
            do {
                return try await attempt()
            } catch {
                guard ContinuousClock.now < end else {
                    throw TestingError("a transaction did not succeed within \(options.retryFor): \(error)")
                }
                try Task.checkCancellation()
                retries += 1
                await pause(.milliseconds(1) * Double.random(in: 1...longest))
                longest = min(longest * 2, 500)
            }
        }
    }

    /// What the server answers when it cannot tell whether the commit will last (`UnknownTransactionCommitResult` in
    /// the transactions specification): WriteConcernFailed, MaxTimeMSExpired, HostUnreachable, HostNotFound,
    /// NetworkTimeout, SocketException, ShutdownInProgress, PrimarySteppedDown, ExceededTimeLimit,
    /// NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange, NotPrimaryNoSecondaryOk,
    /// NotPrimaryOrSecondary.
    private static let unknownOutcome: Set<Int> = [
        64, 50, 6, 7, 89, 9001, 91, 189, 262, 10107, 11600, 11602, 13435, 13436,
    ]
}
