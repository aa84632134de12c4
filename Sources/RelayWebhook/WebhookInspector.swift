import Logging
import RelayCore

/// Looks at a webhook's endpoint for `check`, without sending anything to it.
public struct WebhookInspector: Sendable {
    private let options: WebhookOptions

    /// An inspector of the endpoint of `options`.
    public init(_ options: WebhookOptions) { self.options = options }

    /// What there is to say.
    public func findings() async -> [Finding] {
        do {
            _ = try MessageEncoder(options)
            let transport = try WebhookTransport(options, logger: Logger(label: "outbox-relay"))
            let findings = await transport.findings()
            await transport.shutdown()
            return findings
        } catch {
            return [Finding(.failure, "destination.\(options.destination)", RelayError.wrapping(error).message)]
        }
    }
}
