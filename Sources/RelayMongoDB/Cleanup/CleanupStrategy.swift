import RelayCore

/// How settled events of one collection are found in a snapshot, and cleaned up.
protocol CleanupStrategy: Sendable {
    /// The collection.
    var collection: String { get }
    /// How many items one transaction cleans up.
    var itemsAtOnce: Int { get }

    /// The command that finds what is to be cleaned up, without its read concern.
    func scan(batchSize: Int) -> BSONDocument

    /// What is to be cleaned up of a document that was found; nil for nothing.
    func item(_ document: BSONView) throws -> CleanupItem?

    /// The command that cleans up items, all within one transaction.
    func command(_ items: [CleanupItem]) -> BSONDocument

    /// How many events an answer to ``command(_:)`` says were cleaned up.
    func count(_ reply: BSONDocument, _ items: [CleanupItem]) -> Int
}

/// Something to be cleaned up.
struct CleanupItem: Sendable {
    /// The document's id.
    var id: BSONValue
    /// Embedded: the ids of the elements.
    var elements: [BSONValue] = []
    /// A hash of both.
    var hash: Int
}

/// Documents of an outbox: deleted, or marked for a TTL index.
struct OutboxCleanup: CleanupStrategy {
    let collection: String
    let marks: Bool
    var itemsAtOnce: Int { 1000 }

    /// When a document was settled, by the server's clock: what the TTL index is on.
    static let markField = "settledAt"
    static let indexName = "outbox_relay_settledAt"
    /// What `setup` makes the index with.
    static let keptFor = Duration.seconds(7 * 86_400)

    func scan(batchSize: Int) -> BSONDocument {
        // An index on the mark serves the filter: the planner takes it wherever there is one.
        let filter: BSONDocument = marks ? [Self.markField: nil] : [:]
        return [
            "find": .string(collection), "filter": .document(filter), "projection": ["_id": 1],
            "batchSize": .integer(batchSize),
        ]
    }

    func item(_ document: BSONView) throws -> CleanupItem? {
        guard let id = try document.value("_id") else { return nil }
        return CleanupItem(id: BSONValue(id), hash: CleanupItem.hash(id))
    }

    func command(_ items: [CleanupItem]) -> BSONDocument {
        let ids: BSONValue = ["$in": .array(items.map(\.id))]
        if marks {
            return [
                "update": .string(collection),
                "updates": [
                    [
                        "q": .document(["_id": ids, Self.markField: nil]),
                        "u": [["$set": .document([Self.markField: "$$NOW"])]], "multi": true,
                    ]
                ],
            ]
        }
        return ["delete": .string(collection), "deletes": [["q": ["_id": ids], "limit": 0]]]
    }

    func count(_ reply: BSONDocument, _ items: [CleanupItem]) -> Int { reply["n"]?.int ?? 0 }
}

/// Elements of arrays in other documents: pulled, those that were there at the snapshot and no other.
struct EmbeddedCleanup: CleanupStrategy {
    let collection: String
    /// The array, and within its elements the event's id.
    let path: String
    let idField: String
    /// Few: the documents are the service's, and meet its own transactions.
    var itemsAtOnce: Int { 100 }

    func scan(batchSize: Int) -> BSONDocument {
        [
            "find": .string(collection), "filter": .document(["\(path).0": ["$exists": true]]),
            "projection": .document(["_id": 1, "\(path).\(idField)": 1]), "batchSize": .integer(batchSize),
        ]
    }

    func item(_ document: BSONView) throws -> CleanupItem? {
        guard let id = try document.value("_id"), let array = try document.value(atPath: path)?.array else {
            return nil
        }
        var ids: [BSONValue] = []
        var hash = CleanupItem.hash(id)
        var elements = array.elements
        while let element = try elements.next() {
            // What has no id cannot be told from others, and stays.
            guard let value = try element.value.document?.value(atPath: idField), !value.isNull else { continue }
            ids.append(BSONValue(value))
            hash = hash &* 31 &+ CleanupItem.hash(value)
        }
        return ids.isEmpty ? nil : CleanupItem(id: BSONValue(id), elements: ids, hash: hash)
    }

    func command(_ items: [CleanupItem]) -> BSONDocument {
        let updates = items.map { item -> BSONValue in
            let ids: BSONValue = ["$in": .array(item.elements)]
            let marker = BSONValue.binary((0..<16).map { _ in .random(in: .min ... .max) }, subtype: 4)
            return [
                // Only where there still is one, or the mark alone would be a change for nothing.
                "q": .document(["_id": item.id, "\(path).\(idField)": ids]),
                "u": [
                    "$pull": .document([path: .document([idField: ids])]),
                    "$set": .document([CleanupMarker.field: marker]),
                ],
            ]
        }
        return ["update": .string(collection), "updates": .array(updates)]
    }

    func count(_ reply: BSONDocument, _ items: [CleanupItem]) -> Int {
        // The server counts documents. Who else pulls elements makes this an upper bound.
        let documents = reply["nModified"]?.int ?? 0
        return documents == items.count ? items.reduce(0) { $0 + $1.elements.count } : documents
    }
}

extension CleanupItem {
    static func hash(_ value: BSONRawValue) -> Int {
        var hasher = Hasher()
        hasher.combine(value.type.rawValue)
        hasher.combine(bytes: value.bytes)
        return hasher.finalize()
    }
}
