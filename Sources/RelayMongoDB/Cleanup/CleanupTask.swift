import Foundation
import Logging
import RelayCore

/// The cleaning of one collection, round by round.
struct CleanupTask {
    private let cleaner: Cleaner
    private let plan: CleanupRound
    private let lease: CleanupLease
    private var recent = RecentlyCleaned()
    private var heldAt: ContinuousClock.Instant?
    /// The session that the lease names.
    private var session: [UInt8] = []
    /// The time up to which nothing is left.
    private var doneUpTo: ClusterTime?
    private var blockedSince: ContinuousClock.Instant?
    private var hasComplained = false
    /// Whether this relay holds the lease.
    private(set) var isHolder = false
    private(set) var blockers: [CleanupDecision.Blocker] = []

    init(_ cleaner: Cleaner, collection: String) {
        self.cleaner = cleaner
        let endpoint = cleaner.options.endpoint
        let source = "\(endpoint.database).\(collection)"
        plan = CleanupRound(
            strategy: cleaner.options.strategy(collection), endpoint: endpoint, source: source)
        lease = CleanupLease(
            database: endpoint.stateDatabase, source: source,
            owner: String(UInt64.random(in: .min ... .max), radix: 16), holder: cleaner.options.holder)
    }

    /// Looks who has settled what, and cleans up what everybody has.
    /// - Returns: how much that was.
    mutating func round() async throws -> Int {
        guard try await hold() else {
            (blockers, doneUpTo, blockedSince) = ([], nil, nil)
            return 0
        }
        let plan = plan
        guard let registry = try await cleaner.connection.perform({ try plan.look(on: $0) }) else {
            blockers = []
            return 0
        }
        blockers = registry.decision.blockers
        var cleaned = 0
        if let time = registry.decision.upTo, time != doneUpTo {
            do {
                cleaned = try await clean(at: time, generation: registry.generation)
            } catch let failure as MongoFailure where failure.isSnapshotGone {
                // Either it is too old, or the collection or an index is younger: both pass with time.
                if blockers.isEmpty, Int64(registry.now.seconds) - Int64(time.seconds) >= 60 {
                    blockers = CleanupDecision.laggards(registry.pipelines, now: registry.now)
                }
            }
        }
        complain()
        return cleaned
    }

    /// Gives the lease back.
    func end() async {
        guard isHolder else { return }
        let (lease, connection) = (lease, cleaner.connection)
        // A task of its own: whoever calls this is cancelled.
        await Task {
            await connection.reset()
            try? await connection.perform { try lease.release(on: $0) }
        }.value
    }

    /// Reads the snapshot at `time` and cleans up all of it.
    private mutating func clean(at time: ClusterTime, generation: Int64) async throws -> Int {
        recent.forget(before: BSONTimestamp(seconds: time.seconds, increment: time.increment))
        let (plan, database) = (plan, plan.endpoint.database)
        var reply = try await cleaner.reader.run(plan.scan(at: time), on: database, inSession: true)
        var cleaned = 0
        while true {
            let (items, cursor) = try read(reply)
            var rest = items[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(plan.strategy.itemsAtOnce))
                rest = rest.dropFirst(part.count)
                guard let count = try await clean(part, generation: generation) else {
                    try await close(cursor)
                    return cleaned
                }
                cleaned += count
            }
            if cursor == 0 { break }
            guard try await hold() else {
                try await close(cursor)
                return cleaned
            }
            reply = try await cleaner.reader.run(
                ["getMore": .int64(cursor), "collection": .string(plan.strategy.collection), "batchSize": 2000],
                on: database, inSession: true)
        }
        doneUpTo = time
        return cleaned
    }

    /// The items of an answer that were not cleaned up just now, and the cursor.
    private func read(_ reply: MongoReply) throws -> ([CleanupItem], Int64) {
        try reply.withView { view in
            let batch = try StreamBatch(view)
            var items: [CleanupItem] = []
            var documents = batch.documents.elements
            while let element = try documents.next() {
                guard let document = element.value.document, let item = try plan.strategy.item(document),
                    !recent.contains(item.hash)
                else { continue }
                items.append(item)
            }
            return (items, batch.cursorID)
        }
    }

    /// Nil when the pipelines have changed, so that nothing more may be done by this round's knowledge.
    private mutating func clean(_ items: [CleanupItem], generation: Int64) async throws -> Int? {
        let plan = plan
        let end = ContinuousClock.now + .seconds(5)
        while true {
            do {
                switch try await cleaner.connection.perform({
                    try plan.clean(items, generation: generation, on: $0)
                }) {
                case .changed: return nil
                case .cleaned(let count, let time):
                    recent.insert(items.map(\.hash), at: time)
                    cleaner.count(count)
                    return count
                }
            } catch let failure as MongoFailure where failure.isTransient && ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(.random(in: 5...50)))
            }
        }
    }

    private func close(_ cursor: Int64) async throws {
        if cursor == 0 { return }
        _ = try await cleaner.reader.run(
            ["killCursors": .string(plan.strategy.collection), "cursors": [.int64(cursor)]],
            on: plan.endpoint.database, inSession: true)
    }

    /// Takes or keeps the lease.
    private mutating func hold() async throws -> Bool {
        let session = try await cleaner.connection.sessionID()
        if isHolder, session == self.session, let heldAt, heldAt.duration(to: .now) < CleanupLease.renewal {
            return true
        }
        let lease = lease
        let sentAt = ContinuousClock.now
        isHolder = try await cleaner.connection.perform { try lease.hold(on: $0) }
        self.session = session
        heldAt = sentAt
        return isHolder
    }

    /// Says once that somebody has held things up for a minute.
    private mutating func complain() {
        guard !blockers.isEmpty else {
            if hasComplained { cleaner.logger.info("cleaning up goes on", metadata: ["source": "\(plan.source)"]) }
            (blockedSince, hasComplained) = (nil, false)
            return
        }
        let since = blockedSince ?? .now
        blockedSince = since
        guard !hasComplained, since.duration(to: .now) >= .seconds(60) else { return }
        hasComplained = true
        cleaner.logger.warning(
            "settled documents are not cleaned up",
            metadata: [
                "source": "\(plan.source)",
                "blocked.by": "\(blockers.map(\.reason).joined(separator: "; "))",
            ])
    }
}
