import Foundation

/// A token endpoint's answer (RFC 6749, sections 5.1 and 5.2).
enum TokenAnswer: Sendable, Equatable {
    /// A bearer token, and how long it lives; nil where the answer does not say.
    case token(String, lifetime: Duration?)
    /// Part of a sentence: why there is no token.
    case problem(String)

    /// The longest lifetime that is believed.
    private static let longestLifetime = 30 * 86_400.0

    /// Reads an answer. Nothing of it gets into a message, but for an error code of the standard's form.
    static func read(status: Int, body: [UInt8]) -> TokenAnswer {
        let fields = try? JSONDecoder().decode(Fields.self, from: Data(body))
        guard status == 200 else {
            var message = "answered \(AnswerClassifier.name(of: status))"
            if let code = fields?.error, isErrorCode(code) { message += " (\(code))" }
            return .problem(message)
        }
        guard let fields else { return .problem("did not answer with a JSON object as OAuth 2.0 has it") }
        guard let token = fields.accessToken, !token.isEmpty else { return .problem("answered without a token") }
        guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return .problem("answered with a token that no header can hold")
        }
        if let type = fields.tokenType, type.lowercased() != "bearer" {
            return .problem("answered with a token that is not of type Bearer")
        }
        return .token(token, lifetime: fields.expiresIn.map { .seconds(min(max(0, $0), longestLifetime)) })
    }

    private static func isErrorCode(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F || $0 == 0x2D }
    }

    private struct Fields: Decodable {
        var accessToken: String?
        var tokenType: String?
        var expiresIn: Double?
        var error: String?

        private enum CodingKeys: String, CodingKey {
            case accessToken = "access_token"
            case tokenType = "token_type"
            case expiresIn = "expires_in"
            case error
        }

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            accessToken = try? values.decode(String.self, forKey: .accessToken)
            tokenType = try? values.decode(String.self, forKey: .tokenType)
            error = try? values.decode(String.self, forKey: .error)
            // Some servers write the number as a string.
            expiresIn =
                (try? values.decode(Double.self, forKey: .expiresIn))
                ?? (try? values.decode(String.self, forKey: .expiresIn)).flatMap { Double($0) }
            if expiresIn?.isNaN == true { expiresIn = nil }
        }
    }
}
