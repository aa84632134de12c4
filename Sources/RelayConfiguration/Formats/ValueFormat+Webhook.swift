import Foundation

/// Formats of the options of webhooks.
extension ValueFormat where Value == [String] {
    /// Signing secrets of Standard Webhooks between spaces: the first is the newest, all of them sign.
    static var signingSecrets: Self {
        let accepted = "secrets between spaces, `whsec_` with 24 to 64 bytes or `whsk_` with 32 or 64 bytes in base64"
        return Self(accepted) { text throws(MalformedValue) in
            let secrets = text.split(whereSeparator: \.isWhitespace).map(String.init)
            guard !secrets.isEmpty else { throw MalformedValue("holds no secret") }
            for secret in secrets {
                let isShared = secret.hasPrefix("whsec_")
                guard isShared || secret.hasPrefix("whsk_") else {
                    throw MalformedValue("holds a secret that begins with neither `whsec_` nor `whsk_`")
                }
                guard let key = Data(base64Encoded: String(secret.drop { $0 != "_" }.dropFirst())) else {
                    throw MalformedValue("holds a secret that is not base64")
                }
                guard isShared ? (24...64).contains(key.count) : key.count == 32 || key.count == 64 else {
                    throw MalformedValue("holds a secret of the wrong length")
                }
            }
            return secrets
        }
    }
}

/// One request header of a webhook (`DESTINATION_HEADERS`).
public struct HeaderField: Sendable, Hashable {
    /// The name; case does not matter.
    public let name: String
    /// The value; secret.
    public let value: String
}

extension ValueFormat where Value == [HeaderField] {
    /// Headers that the relay writes itself, or that frame the message.
    private static var ownHeaders: Set<String> {
        [
            "webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "content-length",
            "content-encoding", "host", "connection", "transfer-encoding",
        ]
    }

    /// `Name: value`, one a line (RFC 9110, section 5).
    static var headers: Self {
        Self("`Name: value`, one a line") { text throws(MalformedValue) in
            var headers: [HeaderField] = []
            for line in text.split(whereSeparator: \.isNewline) where !line.trimmingSpaces.isEmpty {
                guard let colon = line.firstIndex(of: ":") else { throw MalformedValue("has a line without `:`") }
                let name = String(line[..<colon])
                let value = String(line[line.index(after: colon)...].trimmingSpaces)
                let isToken = name.utf8.allSatisfy { $0.isLetterOrDigit || "!#$%&'*+-.^_`|~".utf8.contains($0) }
                guard !name.isEmpty, isToken else { throw MalformedValue("has a name that no header can have") }
                guard !value.hasControlCharacters else { throw MalformedValue("has a control character in a value") }
                guard !ownHeaders.contains(name.lowercased()) else {
                    throw MalformedValue("sets a header that the relay writes itself")
                }
                headers.append(HeaderField(name: name, value: value))
            }
            guard !headers.isEmpty else { throw MalformedValue("holds no header") }
            return headers
        }
    }
}
