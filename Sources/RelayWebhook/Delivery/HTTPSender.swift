import RelayCore

/// Makes a request of events and posts it.
final class HTTPSender: EventSender {
    private let encoder: MessageEncoder
    private let transport: WebhookTransport

    init(encoder: MessageEncoder, transport: WebhookTransport) {
        self.encoder = encoder
        self.transport = transport
    }

    func attempt(_ events: [EventReference], redelivery: String?) async -> AttemptResult {
        do {
            let message = try encoder.encode(events, redelivery: redelivery, at: Moment.now.unix / 1000)
            return await transport.post(message)
        } catch {
            return AttemptResult(.refused, .refused, message: "no request can be made of the event: \(error)")
        }
    }

    func cancelAll() { transport.cancelAll() }
}
