import RelayCore

/// Makes a request of events and posts it.
final class HTTPSender: EventSender {
    /// Makes the request of one attempt, as ``MessageEncoder/encode(_:redelivery:at:)`` does.
    typealias Encode =
        @Sendable (_ events: [EventReference], _ redelivery: String?, _ unixSeconds: Int64) throws -> WebhookMessage

    private let encode: Encode
    private let transport: WebhookTransport

    init(encode: @escaping Encode, transport: WebhookTransport) {
        self.encode = encode
        self.transport = transport
    }

    convenience init(encoder: MessageEncoder, transport: WebhookTransport) {
        self.init(encode: { try encoder.encode($0, redelivery: $1, at: $2) }, transport: transport)
    }

    func attempt(_ events: [EventReference], redelivery: String?) async -> AttemptResult {
        let message: WebhookMessage
        do {
            message = try encode(events, redelivery, Moment.now.unix / 1000)
        } catch {
            return Self.result(of: RelayError.wrapping(error))
        }
        return await transport.post(message)
    }

    func cancelAll() { transport.cancelAll() }

    /// An event is given up only if no request can ever be made of it. What may pass, such as a signing library that had
    /// no memory just now, is no fault of the event.
    private static func result(of error: RelayError) -> AttemptResult {
        if error.isRetriable {
            return AttemptResult(.retry, .unsent, message: "no request could be made just now: \(error)")
        }
        return AttemptResult(.refused, .refused, message: "no request can be made of the event: \(error)")
    }
}
