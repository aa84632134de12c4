import Foundation
import Synchronization

/// An OAuth2 token endpoint for client credentials (RFC 6749, 4.4), at `/token` of a ``WebhookReceiver``.
package final class TokenEndpoint: Sendable {
    /// The only client that it knows.
    package static let clientID = "relay:client"
    package static let clientSecret = "s3cret & more"

    private struct State {
        var tokens: Set<String> = []
        var requests = 0
        var refusals = 0
        var scopes: [String] = []
        var lifetime = 3600
        var failure: Int?
    }

    private let state = Mutex(State())

    /// Requests for a token so far, and those without the right credentials.
    package var requests: Int { state.withLock { $0.requests } }
    package var refusals: Int { state.withLock { $0.refusals } }
    /// The scope that each request asked for; empty for none.
    package var scopes: [String] { state.withLock { $0.scopes } }

    /// Makes every token so far worthless, as a rotated key does.
    package func revokeAll() { state.withLock { $0.tokens = [] } }

    /// The `expires_in` of tokens from now on, in seconds.
    package func setLifetime(_ seconds: Int) { state.withLock { $0.lifetime = seconds } }

    /// Answers with this status instead of a token; nil for tokens again.
    package func fail(with status: Int?) { state.withLock { $0.failure = status } }

    /// Whether this is the value of an `authorization` header with a token that holds.
    func accepts(authorization: String?) -> Bool {
        guard let authorization, authorization.hasPrefix("Bearer ") else { return false }
        return state.withLock { $0.tokens.contains(String(authorization.dropFirst(7))) }
    }

    /// The answer to a request for a token.
    func answer(authorization: String?, contentType: String?, form: String) -> ReceiverAnswer {
        let fields = Self.fields(form)
        let credentials = Self.credentials(authorization) ?? (fields["client_id"], fields["client_secret"])
        return state.withLock { state in
            state.requests += 1
            state.scopes.append(fields["scope"] ?? "")
            if let failure = state.failure { return .status(failure, body: "no tokens today") }
            guard credentials == (Self.clientID, Self.clientSecret), fields["grant_type"] == "client_credentials",
                contentType?.hasPrefix("application/x-www-form-urlencoded") == true
            else {
                state.refusals += 1
                return .status(401, headers: Self.json, body: "{\"error\":\"invalid_client\"}")
            }
            let token = "token-\(state.requests)-\(UInt64.random(in: 0 ... .max))"
            state.tokens.insert(token)
            return .status(
                200, headers: Self.json,
                body: "{\"access_token\":\"\(token)\",\"token_type\":\"Bearer\",\"expires_in\":\(state.lifetime)}")
        }
    }

    private static let json = [("content-type", "application/json")]

    /// Name and password of `Basic`, each form-encoded as RFC 6749, 2.3.1, wants it.
    private static func credentials(_ authorization: String?) -> (String?, String?)? {
        guard let authorization, authorization.hasPrefix("Basic "),
            let data = Data(base64Encoded: String(authorization.dropFirst(6)))
        else { return nil }
        let parts = String(decoding: data, as: UTF8.self).split(separator: ":", maxSplits: 1).map { decoded($0) }
        return parts.count == 2 ? (parts[0], parts[1]) : nil
    }

    private static func fields(_ form: String) -> [String: String] {
        let pairs = form.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1).map { decoded($0) } }
        return Dictionary(pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { $1 }
    }

    private static func decoded(_ text: Substring) -> String {
        let spaced = text.replacing("+", with: " ")
        return String(spaced).removingPercentEncoding ?? String(spaced)
    }
}
