import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import RelayCore

/// Posts requests over one shared client. Vetted addresses, trust and OAuth come with the next change.
package final class WebhookTransport: Sendable {
    private let client = HTTPClient.shared
    private let url: String
    init(_ options: WebhookOptions, logger: Logger) throws { url = options.url }
    func post(_ message: WebhookMessage) async -> AttemptResult {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers = message.headers
        request.body = .bytes(message.body)
        do {
            let response = try await client.execute(request, timeout: .seconds(15))
            _ = try? await response.body.collect(upTo: 65536)
            let code = Int(response.status.code)
            if code / 100 == 2 { return AttemptResult(.delivered, .delivered, status: code) }
            return AttemptResult(code == 422 ? .refused : .retry, .serverError, status: code, message: "the receiver answered \(code)")
        } catch {
            return AttemptResult(.retry, .connection, message: "\(error)", isEndpointFailure: true)
        }
    }
    func cancelAll() {}
    func shutdown() async {}
    func findings() async -> [Finding] { [] }
}
