/// What the state store asks of a connection: calls of several commands that nothing else comes in between of.
extension MongoConnection {
    /// Runs `body` on the connection's thread, in one piece.
    func perform<Answer: Sendable>(
        _ body: @Sendable (isolated MongoConnection) throws -> Answer
    ) throws -> Answer {
        try Task.checkCancellation()
        return try body(self)
    }

    /// Runs a command that writes.
    /// - Throws: ``MongoFailure`` also for what the server reports in an answer that is otherwise good: a failed write,
    ///   or one of which it is not known that a majority has it.
    @discardableResult
    func write(_ command: BSONDocument, on database: String, inSession: Bool = false) throws -> BSONDocument {
        try Task.checkCancellation()
        let reply = try run(command, on: database, inSession: inSession).document
        if let failure = reply[path: "writeErrors.0"]?.document ?? reply["writeConcernError"]?.document {
            throw MongoFailure(
                code: failure["code"]?.int ?? 0, isFromServer: true,
                message: failure["errmsg"]?.string ?? "a write failed",
                labels: Set((reply["errorLabels"]?.array ?? []).compactMap(\.string)))
        }
        return reply
    }

    /// Runs a command that finds documents, and reads all of them.
    func all<Answer>(
        _ command: BSONDocument, on database: String, inSession: Bool = false, _ each: (BSONView) throws -> Answer
    ) throws -> [Answer] {
        var found: [Answer] = []
        let collection = try command.withView { view in
            var elements = view.elements
            return try elements.next()?.value.string ?? ""
        }
        var reply = try run(command, on: database, inSession: inSession)
        while true {
            try Task.checkCancellation()
            let cursor = try reply.withView { view in
                let batch = try StreamBatch(view)
                var elements = batch.documents.elements
                while let element = try elements.next() {
                    if let document = element.value.document { found.append(try each(document)) }
                }
                return batch.cursorID
            }
            if cursor == 0 { return found }
            reply = try run(
                ["getMore": .int64(cursor), "collection": .string(collection)], on: database, inSession: inSession)
        }
    }

    /// Runs a command that finds one document; nil when there is none.
    func first(_ command: BSONDocument, on database: String, inSession: Bool = false) throws -> BSONDocument? {
        try all(command, on: database, inSession: inSession) { try BSONDocument(copying: $0) }.first
    }
}
