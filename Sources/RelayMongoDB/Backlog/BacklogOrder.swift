import RelayCore

/// The order a backlog is read in, as the commands that read it need it.
struct BacklogOrder {
    /// The field with a number that grows with each event of a key; nil for the order of `_id`.
    private let sequence: String?

    init(sequence: String?) { self.sequence = sequence }

    /// A `find` of everything at or behind `cursor` in this order.
    /// - Parameter rescan: what is left out when reading again: documents whose ObjectId tells an earlier time (what has
    ///   another `_id` cannot tell its age), and those that are marked as settled.
    func find(in collection: String, behind cursor: String?, of rescan: BacklogPosition.Rescan? = nil) -> BSONDocument {
        var wanted: [BSONValue] = []
        if let since = rescan?.since {
            let oldest = BSONObjectID(earliestAt: since)
            wanted.append(["$or": [["_id": ["$gte": .objectID(oldest)]], ["_id": ["$not": ["$type": "objectId"]]]]])
        }
        if rescan?.leavesOutMarked == true { wanted.append(["settledAt": ["$not": ["$type": "date"]]]) }
        var command: BSONDocument = ["find": .string(collection)]
        let bound = cursor.flatMap(Self.document)
        guard let sequence else {
            command = command.appending("sort", ["_id": 1]).appending("hint", ["_id": 1])
            // `min` follows the index over all BSON types; `$gt` would stay within the cursor's own type.
            if let id = bound?["_id"] { command = command.appending("min", ["_id": id]) }
            if !wanted.isEmpty { command = command.appending("filter", ["$and": .array(wanted)]) }
            return command
        }
        let behind = bound.map { ["$expr": ["$not": [expression($0, document: "$")]]] as BSONValue }
        let conditions = [behind].compactMap { $0 } + wanted
        if !conditions.isEmpty { command = command.appending("filter", ["$and": .array(conditions)]) }
        return command.appending("sort", .document(BSONDocument([(sequence, .int32(1)), ("_id", .int32(1))])))
            .appending("allowDiskUse", true)
    }

    /// An expression over a change event: its document sorts at or before `cursor`.
    /// - Parameter field: the change event's field that holds `_id` and, where that orders, the sequence.
    func isAtOrBefore(_ cursor: String, in field: String) -> BSONValue? {
        Self.document(cursor).map { expression($0, document: "$\(field).") }
    }

    private func expression(_ bound: BSONDocument, document prefix: String) -> BSONValue {
        let id: BSONValue = ["$literal": bound["_id"] ?? .null]
        let idIsNotAfter: BSONValue = ["$lte": [.string(prefix + "_id"), id]]
        guard let sequence else { return idIsNotAfter }
        // A sort takes a missing field for null; an expression does not by itself.
        let own: BSONValue = ["$ifNull": [.string(prefix + sequence), nil]]
        let other: BSONValue = ["$literal": bound["sequence"] ?? .null]
        return ["$or": [["$lt": [own, other]], ["$and": [["$eq": [own, other]], idIsNotAfter]]]]
    }

    /// The sort key of a document, as a cursor: `{_id, sequence}` as hexadecimal BSON.
    func key(of document: BSONView) -> String? {
        guard let id = try? document.value("_id") else { return nil }
        var writer = BSONWriter()
        writer.append("_id", copying: id)
        if let sequence, let value = try? document.value(atPath: sequence) {
            writer.append("sequence", copying: value)
        }
        return Hexadecimal.encode(writer.finish().bytes)
    }

    /// When a document of the backlog was made, as its ObjectId tells, in milliseconds since 1970.
    func time(of document: BSONView) -> Int64 {
        guard let id = try? document.value("_id")?.objectID else { return .min }
        return Int64(id.bytes.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }) * 1000
    }

    private static func document(_ cursor: String) -> BSONDocument? {
        Hexadecimal.decode(cursor).flatMap { try? BSONDocument($0) }
    }
}

/// Bytes as hexadecimal digits.
enum Hexadecimal {
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        let utf8 = Array(text.utf8)
        guard utf8.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count / 2)
        for index in stride(from: 0, to: utf8.count, by: 2) {
            guard let high = Character(Unicode.Scalar(utf8[index])).hexDigitValue,
                let low = Character(Unicode.Scalar(utf8[index + 1])).hexDigitValue
            else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}
