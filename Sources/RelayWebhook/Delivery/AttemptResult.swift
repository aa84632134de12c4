/// What became of one attempt, and what follows from it.
package struct AttemptResult: Sendable {
    /// What follows.
    package enum Verdict: Sendable, Equatable {
        /// An answer of 200 to 299 with complete headers: delivered, whatever its body does.
        case delivered
        /// It may work later.
        case retry
        /// The receiver says when: the whole destination waits so long.
        case wait(Duration)
        /// 410: the receiver asks us to stop.
        case gone
        /// The receiver will never take it.
        case refused
        /// Broken off because the lease has ended: nothing is known of it.
        case cancelled
    }

    /// Why, from a fixed set that is safe as a metric label.
    package enum Outcome: String, Sendable, CaseIterable {
        case delivered
        /// No answer within `DESTINATION_TIMEOUT`.
        case timeout
        /// The name could not be resolved.
        case dns
        /// No connection, or it broke.
        case connection
        /// The TLS handshake failed.
        case tls
        /// The name resolves to an address that is never connected to.
        case forbiddenAddress = "forbidden-address"
        /// What came back is not HTTP.
        case protocolError = "protocol-error"
        /// No OAuth token was to be had.
        case oauth
        /// No request could be made of the event just now: it could not be signed.
        case unsent
        case redirect = "3xx"
        /// 401, 403.
        case unauthorized
        /// 429, or 503 with `Retry-After`.
        case throttled
        /// 410.
        case gone
        /// Other answers of 400 to 499 that may pass: 404, 405, 406, 408, 409, 415, 425.
        case clientError = "4xx"
        /// Other answers of 400 to 499: never delivered.
        case refused
        case serverError = "5xx"
        /// A status that HTTP does not have.
        case other
        case cancelled
    }

    package var verdict: Verdict
    package var outcome: Outcome
    /// The answer's status, where one came.
    package var status: Int?
    /// The first KiB of its body, of answers other than 2xx; what came of it in time.
    package var answer: [UInt8]
    /// A sentence for people, without payload, secret or the URL's password.
    package var message: String
    /// Whether the failure is the endpoint's beyond doubt, whatever the event: no connection, no TLS, no name.
    package var isEndpointFailure: Bool

    package init(
        _ verdict: Verdict, _ outcome: Outcome, status: Int? = nil, answer: [UInt8] = [], message: String = "",
        isEndpointFailure: Bool = false
    ) {
        self.verdict = verdict
        self.outcome = outcome
        self.status = status
        self.answer = answer
        self.message = message
        self.isEndpointFailure = isEndpointFailure
    }
}
