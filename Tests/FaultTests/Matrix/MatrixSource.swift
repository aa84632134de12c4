import Foundation
import RelayMongoDB
import RelayTesting

/// A kind of source, the write that a service does for it, and how a delivered event says which write it was.
enum MatrixSource: String, CaseIterable, Sendable {
    case outbox
    case embedded
    case changes

    /// What the relay has to be told.
    var settings: [String: String] {
        switch self {
        case .outbox: ["SOURCE_CLEANUP": "delete"]
        case .embedded: ["SOURCE_KIND": "embedded", "SOURCE_COLLECTIONS": "orders", "SOURCE_CLEANUP": "delete"]
        case .changes: ["SOURCE_KIND": "changes", "SOURCE_COLLECTIONS": "orders"]
        }
    }

    /// What a service knows of one of its documents.
    struct Document {
        let key: String
        /// The last write's number.
        var n = 0
        /// Whether the document is there.
        var exists = false
        /// What has to be delivered of it, in this order.
        var expected: [String] = []
    }

    /// The next commands on a document; the events that they make are noted as expected.
    func write(_ document: inout Document) -> [BSONDocument] {
        switch self {
        case .outbox:
            document.n += 1
            document.expected.append("\(document.n)")
            return [
                Self.update(document.key, ["$set": ["n": .integer(document.n)]], upsert: true),
                [
                    "insert": "outbox",
                    "documents": [
                        [
                            "_id": .objectID(ObjectIDs.next()), "aggregatetype": "order",
                            "aggregateid": .string(document.key), "type": "Noted",
                            "payload": ["n": .integer(document.n)],
                        ]
                    ],
                ],
            ]
        case .embedded: return [push(&document)]
        case .changes: return [change(&document)]
        }
    }

    /// One event's write, from its type and its payload.
    func label(type: String, payload: String) throws -> String {
        let payload = try JSONDecoder().decode(Payload.self, from: Data(payload.utf8))
        guard self == .changes else { return "\(payload.n ?? -1)" }
        return "\(type) \((payload.updatedFields?.n ?? payload.after?.n).map { "\($0)" } ?? "-")"
    }

    private struct Payload: Decodable {
        struct Order: Decodable { var n: Int? }
        var n: Int?
        var after: Order?
        var updatedFields: Order?
    }

    private func push(_ document: inout Document) -> BSONDocument {
        let numbers = document.n + 1...document.n + Int.random(in: 1...3)
        document.n = numbers.upperBound
        document.expected += numbers.map { "\($0)" }
        let elements = BSONValue.array(
            numbers.map { ["_id": .integer($0), "type": "Noted", "payload": ["n": .integer($0)]] })
        return Self.update(document.key, ["$push": ["outbox": ["$each": elements]]], upsert: true)
    }

    private func change(_ document: inout Document) -> BSONDocument {
        document.n += 1
        let (id, n) = (BSONValue.string(document.key), BSONValue.integer(document.n))
        if !document.exists {
            document.exists = true
            document.expected.append("orders.created \(document.n)")
            return ["insert": "orders", "documents": [["_id": id, "n": n]]]
        }
        switch Int.random(in: 0..<6) {
        case 0:
            document.exists = false
            document.expected.append("orders.deleted -")
            return ["delete": "orders", "deletes": [["q": ["_id": id], "limit": 1]]]
        case 1:
            document.expected.append("orders.replaced \(document.n)")
            return Self.update(document.key, ["_id": id, "n": n])
        default:
            document.expected.append("orders.updated \(document.n)")
            return Self.update(document.key, ["$set": ["n": n]])
        }
    }

    private static func update(_ key: String, _ change: BSONValue, upsert: Bool = false) -> BSONDocument {
        [
            "update": "orders",
            "updates": [["q": ["_id": .string(key)], "u": change, "upsert": .bool(upsert)]],
        ]
    }
}
