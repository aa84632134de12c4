import Foundation
import RelayCore

/// The commands that one ``Settlement`` amounts to, sent one after another in a transaction. Used on the connection's
/// thread, for one attempt.
struct SettlementWriter {
    let settlement: Settlement
    let pipeline: String
    let database: String
    /// The id of the newest dead letter, and how many parked events have chunks, before.
    let lastDeadLetter: Int64
    let large: Int64
    /// Now, in Unix milliseconds, for people.
    let now = Int64(Date().timeIntervalSince1970 * 1000)

    /// How the checkpoint's counters change.
    struct Changes {
        var keys: Int64 = 0
        var events: Int64 = 0
        var large: Int64 = 0
        var deadLetters: Int64 = 0
    }

    /// Whether it changes nothing but the checkpoint's document.
    static func isPlain(_ settlement: Settlement) -> Bool {
        settlement.parked.isEmpty && settlement.keys.isEmpty && settlement.unparked.isEmpty
            && settlement.deadLetters.isEmpty && settlement.resolved.isEmpty
    }

    private var queries: StateQueries { StateQueries(pipeline: pipeline) }

    /// Writes everything but the checkpoint's document, in the session's transaction.
    /// - Throws: ``MongoFailure``.
    func write(on connection: isolated MongoConnection) throws -> Changes {
        var changes = Changes()
        try park(&changes, on: connection)
        try unpark(&changes, on: connection)
        try schedule(&changes, on: connection)
        try giveUp(&changes, on: connection)
        try resolve(on: connection)
        return changes
    }

    // MARK: - Parked events

    private func park(_ changes: inout Changes, on connection: isolated MongoConnection) throws {
        var batch = CommandBatch("update", .parked, list: "updates")
        func send(_ connection: isolated MongoConnection) throws {
            guard let command = batch.take() else { return }
            changes.events += try inserted(command, on: connection)
        }
        for event in settlement.parked {
            let id = event.id
            var fields = BSONWriter(capacity: event.event.byteCount + 512)
            fields.beginDocument("$setOnInsert")
            fields.append("k", binary: event.key.bytes)
            fields.append("size", int64: Int64(event.event.byteCount))
            if let redelivery = event.redelivery { fields.append("redelivery", string: redelivery) }
            let rest = StoredEvent.append(event.event, to: &fields)
            if let rest { fields.append("chunks", int32: Int32(EventChunks.count(rest.count))) }
            fields.append("parkedAt", date: now)
            fields.end()
            let update: BSONDocument = [
                "q": ["_id": queries.id(of: id)], "u": .document(fields.finish()), "upsert": true,
            ]
            if let rest {
                // By itself, so that it is known whether it was there already, and its chunks with it.
                try send(connection)
                var single = CommandBatch("update", .parked, list: "updates")
                single.append(update)
                guard let command = single.take(), try inserted(command, on: connection) == 1 else { continue }
                changes.events += 1
                changes.large += 1
                let chunks = EventChunks(
                    pipeline: pipeline, owner: .parked, number: id.position, hash: Int64(bitPattern: id.hash),
                    count: EventChunks.count(rest.count))
                try insert(chunks.documents(rest), on: connection)
            } else {
                if !batch.hasRoom(for: update) { try send(connection) }
                batch.append(update)
            }
        }
        try send(connection)
    }

    private func unpark(_ changes: inout Changes, on connection: isolated MongoConnection) throws {
        guard !settlement.unparked.isEmpty else { return }
        if large + changes.large > 0 { try dropChunks(&changes, on: connection) }
        let ids = settlement.unparked.map { queries.id(of: $0) }
        changes.events -= try delete(ids, from: .parked, on: connection)
    }

    private func dropChunks(_ changes: inout Changes, on connection: isolated MongoConnection) throws {
        for part in settlement.unparked.parts(of: 10_000) {
            let pipeline = pipeline
            let found = try connection.all(
                [
                    "find": StateCollection.parked.bson,
                    "filter": [
                        "_id": ["$in": .array(part.map { queries.id(of: $0) })], "chunks": ["$exists": true],
                    ], "projection": ["chunks": 1],
                ], on: database, inSession: true
            ) { try EventChunks.of($0, .parked, pipeline) }
            for chunks in found.compactMap({ $0 }) {
                _ = try delete(chunks.ids, from: .chunks, on: connection)
                changes.large -= 1
            }
        }
    }

    // MARK: - Keys

    private func schedule(_ changes: inout Changes, on connection: isolated MongoConnection) throws {
        var removed: [BSONValue] = []
        var batch = CommandBatch("update", .parkedKeys, list: "updates")
        for (key, schedule) in settlement.keys {
            guard let schedule else {
                removed.append(queries.id(of: key))
                continue
            }
            var fields: BSONDocument = ["due": .date(schedule.due), "attempts": .integer(schedule.attempts)]
            if let first = schedule.firstAttempt { fields = fields.appending("firstAttempt", .date(first)) }
            fields = fields.appending("stoppedBefore", .int64(schedule.stoppedBefore))
            fields = fields.appending("since", .date(schedule.since))
            let update: BSONDocument = ["q": ["_id": queries.id(of: key)], "u": .document(fields), "upsert": true]
            if !batch.hasRoom(for: update), let command = batch.take() {
                changes.keys += try inserted(command, on: connection)
            }
            batch.append(update)
        }
        if let command = batch.take() { changes.keys += try inserted(command, on: connection) }
        changes.keys -= try delete(removed, from: .parkedKeys, on: connection)
    }

    // MARK: - Dead letters

    private func giveUp(_ changes: inout Changes, on connection: isolated MongoConnection) throws {
        var batch = CommandBatch("insert", .deadLetters, list: "documents")
        for letter in settlement.deadLetters {
            changes.deadLetters += 1
            let number = lastDeadLetter + changes.deadLetters
            let (document, rest) = StoredDeadLetterDocument.make(letter, id: queries.letterID(number), now: now)
            if !batch.hasRoom(for: document), let command = batch.take() {
                try connection.write(command, on: database, inSession: true)
            }
            batch.append(document)
            if let rest {
                let chunks = EventChunks(
                    pipeline: pipeline, owner: .deadLetter, number: number, hash: 0,
                    count: EventChunks.count(rest.count))
                try insert(chunks.documents(rest), on: connection)
            }
        }
        if let command = batch.take() { try connection.write(command, on: database, inSession: true) }
    }

    private func resolve(on connection: isolated MongoConnection) throws {
        for state in DeadLetterState.allCases {
            let ids = settlement.resolved.filter { $0.value == state }.keys.map { queries.letterID($0) }
            for part in ids.parts(of: 10_000) {
                let update: BSONValue = [
                    "q": ["_id": ["$in": .array(Array(part))], "state": "dead"],
                    "u": ["$set": ["state": .string(state.rawValue)], "$currentDate": ["resolvedAt": true]],
                    "multi": true,
                ]
                try connection.write(
                    ["update": StateCollection.deadLetters.bson, "updates": [update]], on: database, inSession: true)
            }
        }
    }

    // MARK: - Commands

    /// Sends updates; how many of them inserted a document.
    private func inserted(_ command: BSONDocument, on connection: isolated MongoConnection) throws -> Int64 {
        let reply = try connection.write(command, on: database, inSession: true)
        return Int64(reply["upserted"]?.array?.count ?? 0)
    }

    private func insert(_ documents: [BSONDocument], on connection: isolated MongoConnection) throws {
        for document in documents {
            try connection.write(
                ["insert": StateCollection.chunks.bson, "documents": [.document(document)]], on: database,
                inSession: true)
        }
    }

    /// Deletes documents; how many there were.
    private func delete(
        _ ids: [BSONValue], from collection: StateCollection, on connection: isolated MongoConnection
    ) throws -> Int64 {
        var count: Int64 = 0
        for part in ids.parts(of: 10_000) {
            let reply = try connection.write(
                [
                    "delete": collection.bson,
                    "deletes": [["q": ["_id": ["$in": .array(Array(part))]], "limit": 0]],
                ], on: database, inSession: true)
            count += reply["n"]?.int64 ?? 0
        }
        return count
    }
}

extension Array {
    /// Consecutive parts of at most `count` elements.
    func parts(of count: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min($0 + count, self.count)] }
    }
}
