import NIOHTTP1

/// What follows from an answer: the table of the documentation, without I/O.
struct AnswerClassifier: Sendable {
    /// The longest wait that a receiver may ask for: `DESTINATION_RETRY_MAX`.
    let retryMax: Duration

    /// What became of an attempt that was answered.
    ///
    /// - Parameters:
    ///   - status: the status of the final answer.
    ///   - headers: its headers, of which `Retry-After` counts.
    ///   - body: the beginning of its body.
    ///   - now: Unix time in seconds.
    func result(status: Int, headers: HTTPHeaders, body: [UInt8] = [], now: Int64) -> AttemptResult {
        let (verdict, outcome) = judgement(status: status, headers: headers, now: now)
        if outcome == .delivered { return AttemptResult(.delivered, .delivered, status: status) }
        var message = "the receiver answered \(Self.name(of: status))"
        if case .wait(let duration) = verdict { message += " and asks to wait \(Self.seconds(duration))" }
        return AttemptResult(verdict, outcome, status: status, answer: body, message: message)
    }

    private func judgement(
        status: Int, headers: HTTPHeaders, now: Int64
    ) -> (AttemptResult.Verdict, AttemptResult.Outcome) {
        switch status {
        case 200...299: return (.delivered, .delivered)
        case 300...399: return (.retry, .redirect)
        case 401, 403: return (.retry, .unauthorized)
        case 410: return (.gone, .gone)
        case 429: return (wait(headers, now: now).map { .wait($0) } ?? .retry, .throttled)
        case 503:
            guard let wait = wait(headers, now: now) else { return (.retry, .serverError) }
            return (.wait(wait), .throttled)
        case 404, 405, 406, 408, 409, 415, 425: return (.retry, .clientError)
        case 400...499: return (.refused, .refused)
        case 500...599: return (.retry, .serverError)
        default: return (.retry, .other)
        }
    }

    /// The longest of the waits that are asked for; several headers are a mistake, but one that is easily made where
    /// several servers answer together.
    private func wait(_ headers: HTTPHeaders, now: Int64) -> Duration? {
        headers["retry-after"].compactMap { RetryAfter.wait($0, now: now) }.max()
            .map { min($0, retryMax) }
    }

    /// `422 Unprocessable Entity`, or `599` where HTTP has no name. What the receiver calls it is not used: it may be
    /// anything.
    static func name(of status: Int) -> String {
        guard (100...599).contains(status) else { return "\(status)" }
        let phrase = HTTPResponseStatus(statusCode: status).reasonPhrase
        return phrase.isEmpty ? "\(status)" : "\(status) \(phrase)"
    }

    /// `15 s`, `0.25 s`.
    static func seconds(_ duration: Duration) -> String {
        let milliseconds = duration.milliseconds
        if milliseconds % 1000 == 0 { return "\(milliseconds / 1000) s" }
        return "\(Double(milliseconds) / 1000) s"
    }
}
