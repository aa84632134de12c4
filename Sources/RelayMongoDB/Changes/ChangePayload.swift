import RelayCore

/// Writes the payload of a change:
///
///     {"operation":"updated","collection":"orders","documentKey":{"_id":"…"},"after":{…},"before":{…},
///      "updatedFields":{…},"removedFields":["a.b"],"truncatedArrays":[…],"missing":["after"],"truncated":true,
///      "transaction":{"id":"…","order":3}}
///
/// `after` is null for a deleted document and absent where `SOURCE_IMAGES` asks for none; `missing` names images that
/// were asked for and that the server does not have any more; `truncated` says that the change was too large to be sent
/// whole. `snapshot` marks a document that was there before the relay.
struct ChangePayload {
    /// What a change consists of.
    struct Change {
        var operation: String
        var collection: String
        var key: BSONView
        var after: BSONRawValue?
        var before: BSONRawValue?
        var description: BSONView?
        var transaction: Transaction?
        var isTruncated: Bool
    }

    /// The transaction that a change belongs to.
    struct Transaction {
        /// The session's id, a UUID.
        var session: BSONRawValue?
        /// The transaction's number in the session.
        var number: Int64
        /// The change's place in the transaction, growing.
        var order: Int
    }

    private let style: JSONStyle
    private let images: ChangeImages

    init(style: JSONStyle, images: ChangeImages) {
        self.style = style
        self.images = images
    }

    /// Appends the payload of `change`. Returns whether `jsonb` takes it.
    func append(_ change: Change, to arena: ByteArena) throws(BSONError) -> Bool {
        head(change.operation, change.collection, to: arena)
        arena.append(",\"documentKey\":")
        var fits = try put(change.key, arena)
        var missing: [String] = []
        if change.operation == "deleted" {
            arena.append(",\"after\":null")
        } else if let after = change.after, after.document != nil {
            arena.append(",\"after\":")
            fits = try put(after, arena) && fits
        } else if images != .none || change.operation != "updated" {
            arena.append(",\"after\":null")
            missing.append("after")
        }
        if images == .preAndPost, change.operation != "created" {
            arena.append(",\"before\":")
            if let before = change.before, before.document != nil {
                fits = try put(before, arena) && fits
            } else {
                arena.append("null")
                missing.append("before")
            }
        }
        if let description = change.description {
            for name in ["updatedFields", "removedFields", "truncatedArrays"] {
                guard let value = try description.value(name) else { continue }
                if let array = value.array, array.isEmpty, name == "truncatedArrays" { continue }
                arena.append(",\"\(name)\":")
                fits = try put(value, arena) && fits
            }
        }
        if !missing.isEmpty {
            arena.append(",\"missing\":[" + missing.map { "\"\($0)\"" }.joined(separator: ",") + "]")
        }
        if change.isTruncated { arena.append(",\"truncated\":true") }
        if let transaction = change.transaction {
            arena.append(",\"transaction\":{\"id\":\"")
            if let session = transaction.session { try BSONIdentifier.append(session, to: arena) }
            arena.append("/\(transaction.number)\",\"order\":\(transaction.order)}")
        }
        arena.append("}")
        return fits
    }

    /// Appends the payload of a document that was there already. Returns whether `jsonb` takes it.
    func append(
        existing document: BSONView, of collection: String, id: BSONRawValue, to arena: ByteArena
    ) throws(BSONError) -> Bool {
        head("created", collection, to: arena)
        arena.append(",\"documentKey\":{\"_id\":")
        var fits = try put(id, arena)
        arena.append("},\"after\":")
        fits = try put(document, arena) && fits
        arena.append(",\"snapshot\":true}")
        return fits
    }

    private func head(_ operation: String, _ collection: String, to arena: ByteArena) {
        arena.append("{\"operation\":\"\(operation)\",\"collection\":")
        JSONQuote.append(collection.utf8, to: arena)
    }

    private func put(_ document: BSONView, _ arena: ByteArena) throws(BSONError) -> Bool {
        try BSONJSON.append(document, style: style, to: arena).fitsJSONB
    }

    private func put(_ value: BSONRawValue, _ arena: ByteArena) throws(BSONError) -> Bool {
        try BSONJSON.append(value, style: style, to: arena).fitsJSONB
    }
}
