import Foundation
import RelayTesting

/// The demo's webhook: a receiver that verifies signatures and fails now and then.
struct DemoWebhook: Sendable {
    let receiver: WebhookReceiver
    private let secret: String

    /// Starts one that answers 500 to a share (0 to 1) of the attempts.
    /// - Throws: ``TestingError`` when there is no free port.
    static func start(failing share: Double) async throws -> DemoWebhook {
        let key = Data((0..<32).map { _ in UInt8.random(in: 0 ... .max) })
        let secret = "whsec_\(key.base64EncodedString())"
        let receiver = try await WebhookReceiver.start(secrets: [secret])
        receiver.behave(.some(Lottery(share, seed: .random(in: 0 ... .max)), .status(500, body: "one in ten")))
        return DemoWebhook(receiver: receiver, secret: secret)
    }

    /// What a relay needs to deliver to it as the destination of this name, in capitals.
    func variables(_ name: String) -> [String: String] {
        [
            "DESTINATION_\(name)_URL": receiver.url, "DESTINATION_\(name)_SECRET": secret,
            // What failed comes again soon: a demo has no hour to wait.
            "DESTINATION_\(name)_RETRY_FIRST": "50ms", "DESTINATION_\(name)_RETRY_MAX": "1s",
        ]
    }
}
