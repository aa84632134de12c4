import RelayCore

/// Requests as documents:
/// `{_id, p, kind, ids: "1-5,9" | reason | argument, progress, state, createdAt, expiresAt, epoch, answer, finishedAt}`.
enum StoredRequest {
    /// The fields that say what is asked.
    static func fields(_ kind: RelayRequest.Kind) -> [(String, BSONValue)] {
        switch kind {
        case .retryDeadLetters(let ids): [("kind", "retry-dead-letters"), ("ids", .string(IDRanges.text(ids)))]
        case .discardDeadLetters(let ids): [("kind", "discard-dead-letters"), ("ids", .string(IDRanges.text(ids)))]
        case .pause(let reason): [("kind", "pause"), ("reason", .string(reason))]
        case .resume: [("kind", "resume")]
        case .replay, .publish:
            kind.structured.map { [("kind", .string($0.name)), ("argument", .string($0.json))] } ?? []
        case .unknown(let other): [("kind", .string(other))]
        }
    }

    /// What a document asks; nil when it is no request.
    static func read(_ view: BSONView) throws -> RelayRequest? {
        guard let id = try view.value("_id")?.integral, let name = try view.value("kind")?.string else { return nil }
        let ids = try view.value("ids")?.string.flatMap(IDRanges.ids)
        let progress = try view.value("progress")?.string
        if let json = try view.value("argument")?.string, let kind = RelayRequest.Kind(name: name, json: json) {
            return RelayRequest(id: id, kind: kind, progress: progress)
        }
        let kind: RelayRequest.Kind =
            switch (name, ids) {
            case ("retry-dead-letters", let ids?): .retryDeadLetters(ids)
            case ("discard-dead-letters", let ids?): .discardDeadLetters(ids)
            case ("pause", _): .pause(reason: try view.value("reason")?.string ?? "paused by a person")
            case ("resume", _): .resume
            default: .unknown(name)
            }
        return RelayRequest(id: id, kind: kind)
    }

    /// An answer.
    static func bson(_ answer: RequestAnswer) -> BSONValue {
        ["succeeded": .bool(answer.succeeded), "message": .string(answer.message), "count": .integer(answer.count)]
    }

    /// The answer of a request's document.
    static func answer(_ document: BSONDocument) -> RequestAnswer? {
        guard let answer = document["answer"]?.document, let succeeded = answer["succeeded"]?.bool else { return nil }
        return RequestAnswer(
            succeeded: succeeded, message: answer["message"]?.string ?? "", count: answer["count"]?.int ?? 0)
    }
}
