import Foundation

/// Formats of the options of webhooks.
extension ValueFormat where Value == [String] {
    /// Signing secrets of Standard Webhooks between spaces: the first is the newest, all of them sign.
    static var signingSecrets: Self {
        let accepted = "secrets between spaces, `whsec_` with 24 to 64 bytes or `whsk_` with 32 or 64 bytes in base64"
        return Self(accepted) { text throws(MalformedValue) in
            let secrets = text.split(whereSeparator: \.isWhitespace).map(String.init)
            guard !secrets.isEmpty else { throw MalformedValue("holds no secret") }
            for secret in secrets { try checkSecret(secret) }
            guard Set(secrets).count == secrets.count else { throw MalformedValue("holds one secret twice") }
            return secrets
        }
    }

    private static func checkSecret(_ secret: String) throws(MalformedValue) {
        guard !secret.hasPrefix("whpk_") else {
            throw MalformedValue(
                "holds a public key (`whpk_`), which is for the receiver: the relay signs with `whsk_`")
        }
        let isShared = secret.hasPrefix("whsec_")
        guard isShared || secret.hasPrefix("whsk_") else {
            throw MalformedValue("holds a secret that begins with neither `whsec_` nor `whsk_`")
        }
        guard let key = Data(base64Encoded: String(secret.drop { $0 != "_" }.dropFirst())) else {
            throw MalformedValue("holds a secret that is not base64")
        }
        guard isShared || key.count == 32 || key.count == 64 else {
            throw MalformedValue("holds a `whsk_` secret of the wrong length")
        }
        guard !isShared || key.count >= 24 else { throw MalformedValue("holds a `whsec_` secret that is too short") }
        guard !isShared || key.count <= 64 else { throw MalformedValue("holds a `whsec_` secret that is too long") }
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
    /// Headers that the relay writes itself, or that frame the message (RFC 9110; RFC 9113, section 8.2.2).
    private static var ownHeaders: Set<String> {
        [
            "webhook-id", "webhook-timestamp", "webhook-signature", "traceparent", "tracestate", "user-agent",
            "outbox-relay-redelivery", "content-type", "content-length", "content-encoding", "host", "connection",
            "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
        ]
    }

    /// What all headers may take together: servers commonly accept no more than 8 KiB to 32 KiB, ours included.
    private static var mostBytes: Int { 4 << 10 }

    /// `Name: value`, one a line (RFC 9110, section 5).
    static var headers: Self {
        let accepted = "`Name: value`, one a line, up to \(SizeText.text(of: mostBytes)) of ASCII"
        return Self(accepted) { text throws(MalformedValue) in
            guard text.utf8.count <= mostBytes else { throw MalformedValue("is too long") }
            var headers: [HeaderField] = []
            for line in text.split(whereSeparator: \.isNewline) where !line.trimmingSpaces.isEmpty {
                guard let colon = line.firstIndex(of: ":") else { throw MalformedValue("has a line without `:`") }
                let name = String(line[..<colon])
                let value = String(line[line.index(after: colon)...].trimmingSpaces)
                try check(name, value)
                headers.append(HeaderField(name: name, value: value))
            }
            guard !headers.isEmpty else { throw MalformedValue("holds no header") }
            return headers
        }
    }

    private static func check(_ name: String, _ value: String) throws(MalformedValue) {
        let isToken = name.utf8.allSatisfy { $0.isLetterOrDigit || "!#$%&'*+-.^_`|~".utf8.contains($0) }
        guard !name.isEmpty, isToken else { throw MalformedValue("has a name that no header can have") }
        guard value.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
            throw MalformedValue("has a character in a value that no header can have")
        }
        let lowerCase = name.lowercased()
        guard !ownHeaders.contains(lowerCase), !lowerCase.hasPrefix("ce-") else {
            throw MalformedValue("sets a header that the relay writes itself")
        }
    }
}
