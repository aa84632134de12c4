import RelayCore

/// Makes one attempt to deliver events: the only thing that the delivery's decisions need of HTTP.
package protocol EventSender: Sendable {
    /// One attempt with `events` in one request, which is more than one for `cloudevents-batch` only.
    /// - Parameter redelivery: the header `outbox-relay-redelivery`, for what is delivered out of order.
    func attempt(_ events: [EventReference], redelivery: String?) async -> AttemptResult

    /// Breaks off every attempt under way; each returns ``AttemptResult/Verdict/cancelled``.
    func cancelAll()
}
