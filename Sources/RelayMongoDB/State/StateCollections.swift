import RelayCore

/// The collections that a webhook pipeline's state lies in, one set for all pipelines of a database.
package enum StateCollection: String, Sendable, CaseIterable {
    /// Who may run a pipeline: `{_id: pipeline, owner, epoch, expiresAt, holder, renewedAt}`.
    case leases = "outbox_relay_leases"
    /// Up to where everything is settled, and who may write: `{_id: pipeline, epoch, owner, session, revision, …}`.
    case checkpoints = "outbox_relay_checkpoints"
    /// Keys that wait: `{_id: {p: pipeline, k: key}, due, attempts, firstAttempt, stoppedBefore, since}`.
    case parkedKeys = "outbox_relay_parked_keys"
    /// Their events: `{_id: {p: pipeline, n: position, h: hash}, k: key, size, …the event}`.
    case parked = "outbox_relay_parked"
    /// What was given up on: `{_id: {p: pipeline, n: id}, position, state, reason, …the event}`.
    case deadLetters = "outbox_relay_dead_letters"
    /// What commands have asked for: `{_id, p: pipeline, kind, state, createdAt, …}`.
    case requests = "outbox_relay_requests"
    /// What of an event has no room in its document: `{_id: {p: pipeline, s: set, i: number}, of, at, data}`.
    case chunks = "outbox_relay_chunks"

    /// The collection's name in a command.
    var bson: BSONValue { .string(rawValue) }

    /// An index that queries rely on.
    struct Index: Sendable {
        var name: String
        var fields: [String]

        var bson: BSONDocument {
            ["key": .document(BSONDocument(fields.map { ($0, 1) })), "name": .string(name)]
        }
    }

    /// The indexes beside that on `_id`, which each collection has.
    var indexes: [Index] {
        switch self {
        case .leases, .checkpoints, .chunks: []
        case .parkedKeys:
            [
                Index(name: "due", fields: ["_id.p", "due", "_id.k"]),
                Index(name: "since", fields: ["_id.p", "since"]),
            ]
        case .parked:
            [
                Index(name: "key", fields: ["_id.p", "k", "_id.n", "_id.h", "size"]),
                Index(name: "event", fields: ["_id.p", "eventId"]),
            ]
        case .deadLetters:
            [
                Index(name: "compensated", fields: ["_id.p", "compensatedAt", "_id.n"]),
                Index(name: "state", fields: ["_id.p", "state", "_id.n"]),
                Index(name: "position", fields: ["_id.p", "position"]),
                Index(name: "event", fields: ["_id.p", "eventId"]),
            ]
        case .requests: [Index(name: "state", fields: ["p", "state", "createdAt"])]
        }
    }

    /// The command that makes collection and indexes, and does nothing where they are there.
    var setupCommand: BSONDocument {
        if indexes.isEmpty { return ["create": bson] }
        return ["createIndexes": bson, "indexes": .array(indexes.map { .document($0.bson) })]
    }

    /// The same for a person in `mongosh`.
    var setupText: String {
        if indexes.isEmpty { return "db.createCollection(\"\(rawValue)\")" }
        return indexes.map { index in
            let fields = index.fields.map { "\"\($0)\": 1" }.joined(separator: ", ")
            return "db.\(rawValue).createIndex({\(fields)}, {name: \"\(index.name)\"})"
        }.joined(separator: "\n")
    }
}
