import Foundation
import RelayCore

/// The commands that one ``Settlement`` amounts to, but for the checkpoint's document: made once, and sent one after
/// another in as many transactions as it takes for one to commit.
struct SettlementCommands {
    /// How the checkpoint's counters change.
    struct Changes: Sendable {
        var keys: Int64 = 0
        var events: Int64 = 0
        var bytes: Int64 = 0
        var large: Int64 = 0
    }

    private enum Step {
        /// Upserts of parked events, all with chunks or all without.
        case park(BSONDocument, large: Bool)
        case unpark([BSONValue])
        case schedule(BSONDocument)
        case unschedule([BSONValue])
        /// How far requests are.
        case progress(BSONDocument)
        /// Inserts and updates of dead letters.
        case deadLetters(BSONDocument)
    }

    private let pipeline: String
    private let database: String
    /// Whether any parked event may have chunks.
    private let hasLarge: Bool
    private let bytes: Int64
    private var steps: [Step] = []

    /// Whether a settlement changes nothing but the checkpoint's document.
    static func isPlain(_ settlement: Settlement) -> Bool {
        settlement.parked.isEmpty && settlement.keys.isEmpty && settlement.unparked.isEmpty
            && settlement.deadLetters.isEmpty && settlement.resolved.isEmpty && settlement.progress.isEmpty
    }

    /// The largest field to keep in documents, for a transaction that every server can hold.
    static func largestField(of settlement: Settlement) -> Int {
        let bytes =
            settlement.parked.reduce(0) { $0 + $1.event.byteCount }
            + settlement.deadLetters.reduce(0) { $0 + $1.event.byteCount }
        return bytes <= 8 << 20 ? StoredEvent.largestField : 16 << 10
    }

    /// Makes the commands.
    /// - Parameters:
    ///   - writer: what is known of the checkpoint's document before.
    ///   - largestField: larger fields of events, in bytes, go into chunks.
    ///   - insertChunks: writes chunks, outside of any transaction.
    init(
        _ settlement: Settlement, after writer: MongoStateStore.Writer, pipeline: String, database: String,
        largestField: Int, insertChunks: (BSONDocument) throws -> Void
    ) throws {
        self.pipeline = pipeline
        self.database = database
        hasLarge = writer.large > 0
        bytes = settlement.parkedBytes
        var chunks = CommandBatch("insert", .chunks, list: "documents")
        func take(_ rest: [UInt8], of owner: BSONValue, in collection: StateCollection) throws -> BSONDocument {
            let set = EventChunks(pipeline: pipeline, bytes: rest.count)
            for part in set.documents(rest, for: owner, in: collection, now: Self.now) {
                if !chunks.hasRoom(for: part), let command = chunks.take() { try insertChunks(command) }
                chunks.append(part)
            }
            return set.reference
        }
        try park(settlement.parked, largestField) { try take($0, of: $1, in: .parked) }
        unpark(settlement.unparked)
        schedule(settlement.keys)
        try giveUp(settlement.deadLetters, after: writer.lastDeadLetter, largestField) {
            try take($0, of: $1, in: .deadLetters)
        }
        resolve(settlement.resolved)
        note(settlement.progress, epoch: writer.grant.epoch)
        if let command = chunks.take() { try insertChunks(command) }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
    private var queries: StateQueries { StateQueries(pipeline: pipeline) }

    // MARK: - What to send

    private mutating func park(
        _ events: [ParkedEvent], _ largestField: Int, _ chunks: ([UInt8], BSONValue) throws -> BSONDocument
    ) throws {
        var whole = CommandBatch("update", .parked, list: "updates")
        var large = CommandBatch("update", .parked, list: "updates")
        for event in events {
            let id = queries.id(of: event.id)
            var fields = BSONWriter(capacity: min(event.event.byteCount, 1 << 20) + 512)
            fields.beginDocument("$setOnInsert")
            fields.append("k", binary: event.key.bytes)
            fields.append("size", int64: Int64(event.event.byteCount))
            if let redelivery = event.redelivery { fields.append("redelivery", string: redelivery) }
            let rest = StoredEvent.append(event.event, to: &fields, largestField: largestField)
            if let rest { fields.append("chunks", document: try chunks(rest, id)) }
            fields.append("parkedAt", date: Self.now)
            fields.end()
            let update: BSONDocument = ["q": ["_id": id], "u": .document(fields.finish()), "upsert": true]
            if rest != nil {
                if !large.hasRoom(for: update), let command = large.take() { steps.append(.park(command, large: true)) }
                large.append(update)
            } else {
                if !whole.hasRoom(for: update), let command = whole.take() {
                    steps.append(.park(command, large: false))
                }
                whole.append(update)
            }
        }
        if let command = whole.take() { steps.append(.park(command, large: false)) }
        if let command = large.take() { steps.append(.park(command, large: true)) }
    }

    private mutating func unpark(_ ids: [ParkedEvent.ID]) {
        for part in ids.parts(of: 10_000) { steps.append(.unpark(part.map { queries.id(of: $0) })) }
    }

    private mutating func schedule(_ keys: [EventKey: ParkedSchedule?]) {
        var removed: [BSONValue] = []
        var batch = CommandBatch("update", .parkedKeys, list: "updates")
        for (key, schedule) in keys {
            guard let schedule else {
                removed.append(queries.id(of: key))
                continue
            }
            var fields = BSONWriter(capacity: 128)
            fields.append("due", date: schedule.due)
            fields.append("attempts", .integer(schedule.attempts))
            if let first = schedule.firstAttempt { fields.append("firstAttempt", date: first) }
            fields.append("stoppedBefore", int64: schedule.stoppedBefore)
            fields.append("since", date: schedule.since)
            let update: BSONDocument = [
                "q": ["_id": queries.id(of: key)], "u": .document(fields.finish()), "upsert": true,
            ]
            if !batch.hasRoom(for: update), let command = batch.take() { steps.append(.schedule(command)) }
            batch.append(update)
        }
        if let command = batch.take() { steps.append(.schedule(command)) }
        for part in removed.parts(of: 10_000) { steps.append(.unschedule(Array(part))) }
    }

    private mutating func giveUp(
        _ letters: [NewDeadLetter], after last: Int64, _ largestField: Int,
        _ chunks: ([UInt8], BSONValue) throws -> BSONDocument
    ) throws {
        var batch = CommandBatch("insert", .deadLetters, list: "documents")
        for (index, letter) in letters.enumerated() {
            let id = queries.letterID(last + Int64(index) + 1)
            let document = try StoredDeadLetterDocument.make(
                letter, id: id, now: Self.now, largestField: largestField, chunks: { try chunks($0, id) })
            if !batch.hasRoom(for: document), let command = batch.take() { steps.append(.deadLetters(command)) }
            batch.append(document)
        }
        if let command = batch.take() { steps.append(.deadLetters(command)) }
    }

    private mutating func resolve(_ resolved: [Int64: DeadLetterState]) {
        for state in DeadLetterState.allCases {
            let ids = resolved.filter { $0.value == state }.keys.map { queries.letterID($0) }
            for part in ids.parts(of: 10_000) {
                let update: BSONValue = [
                    "q": ["_id": ["$in": .array(Array(part))], "state": "dead"],
                    "u": ["$set": ["state": .string(state.rawValue)], "$currentDate": ["resolvedAt": true]],
                    "multi": true,
                ]
                steps.append(.deadLetters(["update": StateCollection.deadLetters.bson, "updates": [update]]))
            }
        }
    }

    private mutating func note(_ progress: [Int64: String], epoch: Int64) {
        for (id, text) in progress {
            let update: BSONValue = [
                "q": ["_id": .int64(id), "p": .string(pipeline), "state": "running", "epoch": .int64(epoch)],
                "u": ["$set": ["progress": .string(text)]],
            ]
            steps.append(.progress(["update": StateCollection.requests.bson, "updates": [update]]))
        }
    }

    // MARK: - Sending it

    /// Sends everything, in the session's transaction.
    /// - Throws: ``MongoFailure``.
    func send(on connection: isolated MongoConnection) throws -> Changes {
        var changes = Changes(bytes: bytes)
        for step in steps {
            switch step {
            case .park(let command, let large):
                let inserted = try upsert(command, on: connection)
                changes.events += inserted
                if large { changes.large += inserted }
            case .unpark(let ids):
                if hasLarge || changes.large > 0 { changes.large -= try dropChunks(of: ids, on: connection) }
                changes.events -= try delete(ids, from: .parked, on: connection)
            case .schedule(let command): changes.keys += try upsert(command, on: connection)
            case .unschedule(let ids): changes.keys -= try delete(ids, from: .parkedKeys, on: connection)
            case .progress(let command), .deadLetters(let command):
                try connection.write(command, on: database, inSession: true)
            }
        }
        return changes
    }

    /// Sends updates; how many of them inserted a document.
    private func upsert(_ command: BSONDocument, on connection: isolated MongoConnection) throws -> Int64 {
        let reply = try connection.write(command, on: database, inSession: true)
        return Int64(reply["upserted"]?.array?.count ?? 0)
    }

    /// Deletes documents; how many there were.
    private func delete(
        _ ids: [BSONValue], from collection: StateCollection, on connection: isolated MongoConnection
    ) throws -> Int64 {
        let reply = try connection.write(
            ["delete": collection.bson, "deletes": [["q": ["_id": ["$in": .array(ids)]], "limit": 0]]], on: database,
            inSession: true)
        return reply["n"]?.int64 ?? 0
    }

    /// Deletes the chunks of parked events; how many events had any.
    private func dropChunks(of ids: [BSONValue], on connection: isolated MongoConnection) throws -> Int64 {
        let pipeline = pipeline
        let sets = try connection.all(
            [
                "find": StateCollection.parked.bson,
                "filter": ["_id": ["$in": .array(ids)], "chunks": ["$exists": true]], "projection": ["chunks": 1],
            ], on: database, inSession: true
        ) { try EventChunks($0, pipeline: pipeline) }.compactMap { $0 }
        for part in sets.flatMap(\.ids).parts(of: 10_000) {
            _ = try delete(Array(part), from: .chunks, on: connection)
        }
        return Int64(sets.count)
    }
}

extension Array {
    /// Consecutive parts of at most `count` elements.
    func parts(of count: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min($0 + count, self.count)] }
    }
}
