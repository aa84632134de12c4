import RelayCore

/// A dead letter as a document.
enum StoredDeadLetterDocument {
    /// The document of a new one.
    /// - Parameter chunks: stores what of the event has no room in it, and says how to find that.
    static func make(
        _ letter: NewDeadLetter, id: BSONValue, now: Int64, largestField: Int,
        chunks: ([UInt8]) throws -> BSONDocument
    ) throws -> BSONDocument {
        var writer = BSONWriter(capacity: min(letter.event.byteCount, 1 << 20) + 1024)
        writer.append("_id", id)
        writer.append("state", string: DeadLetterState.dead.rawValue)
        writer.append("reasonCode", string: letter.poison.reason.rawValue)
        writer.append("reason", string: letter.poison.message)
        if let status = letter.status { writer.append("status", .integer(status)) }
        if !letter.answer.isEmpty { letter.answer.withUnsafeBytes { writer.append("answer", text: $0) } }
        writer.append("attempts", .integer(letter.attempts))
        if let time = letter.firstAttempt { writer.append("firstAttemptAt", date: time) }
        if let time = letter.lastAttempt { writer.append("lastAttemptAt", date: time) }
        writer.append("createdAt", date: now)
        writer.append("position", int64: letter.event.position)
        let rest = StoredEvent.append(letter.event, to: &writer, largestField: largestField)
        if let rest { writer.append("chunks", document: try chunks(rest)) }
        return writer.finish()
    }

    /// What a redelivery needs of one: the document it was made of, where that was kept, else the event, where it was
    /// one.
    static func read(_ view: BSONView, id: Int64, large: BSONDocument?) throws -> StoredDeadLetter {
        let position = try view.value("position")?.int64 ?? 0
        let event = try StoredEvent.read(view, large: large, position: position)
        if let document = event.bytes(\.document) {
            return StoredDeadLetter(id: id, document: Array(document), event: nil)
        }
        return StoredDeadLetter(id: id, document: nil, event: event.isWhole ? event : nil)
    }
}
