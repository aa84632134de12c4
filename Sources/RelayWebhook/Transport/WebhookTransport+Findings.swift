import RelayCore
extension WebhookTransport {
    package func findings() async -> [Finding] { [] }
}
