import Foundation

/// Removes secrets from what people read. Rather too much than too little.
public enum Redaction {
    /// What stands for a secret.
    public static let mask = "***"

    /// `text` with the passwords of URIs, sensitive parameters (`password=…`) and signing secrets masked.
    public static func text(_ text: String) -> String {
        if ["whsec_", "whsk_", "PRIVATE KEY"].contains(where: text.contains) { return mask }
        guard let colon = text.range(of: "://") else { return maskingPairs(text) }
        return uri(text, behind: colon.upperBound)
    }

    /// Schemes that people mix up. Any other word before `://` may be the secret itself.
    private static let schemes: Set<String> = [
        "mongodb", "mongodb+srv", "postgres", "postgresql", "http", "https", "mysql", "redis", "amqp", "kafka", "ftp",
        "file", "tcp",
    ]

    /// `text`, of which it is only known that it should have been a URI: nothing but its scheme can be trusted.
    public static func malformedURI(_ text: String) -> String {
        guard let colon = text.range(of: "://"), schemes.contains(text[..<colon.lowerBound].lowercased()) else {
            return mask
        }
        return text[..<colon.upperBound] + mask
    }

    private static func uri(_ text: String, behind start: String.Index) -> String {
        let scheme = maskingPairs(String(text[..<start]))
        var rest = text[start...]
        var credentials = ""
        let authority = rest.prefix { !"/?#".contains($0) }
        if let at = authority.lastIndex(of: "@") {
            let user = rest.prefix { $0 != ":" && $0 != "@" }
            credentials = rest[..<at].contains(":") ? "\(user):\(mask)@" : "\(user)@"
            rest = rest[rest.index(after: at)...]
        }
        let (location, query) = rest.splitOnce(at: "?")
        // An `@` further on means that a password held `/`, `?` or `#` unencoded: where it ends cannot be told.
        guard !location.contains("@"), query?.contains("@") != true else {
            return scheme + credentials + mask
        }
        let isWeb = text.lowercased().hasPrefix("http")
        let shown = isWeb ? maskingTokens(location) : String(location)
        guard let query else { return scheme + credentials + shown }
        let pairs = query.split(separator: "&", omittingEmptySubsequences: false).map { pair -> String in
            let (name, value) = pair.splitOnce(at: "=")
            guard value != nil else { return isWeb ? mask : String(pair) }
            return isWeb || isSensitive(String(name)) ? "\(name)=\(mask)" : String(pair)
        }
        return scheme + credentials + shown + "?" + pairs.joined(separator: "&")
    }

    /// Masks segments of a path that look made up by a machine: whoever knows the URLs of many webhooks may use them.
    private static func maskingTokens(_ location: Substring) -> String {
        var segments = location.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        for index in segments.indices.dropFirst() {
            let bytes = segments[index].utf8
            let isToken =
                bytes.count >= 16 && bytes.contains(where: \.isDigit)
                && bytes.contains { $0.isLowerCaseLetter || $0.isUpperCaseLetter }
            if isToken { segments[index] = mask }
        }
        return segments.joined(separator: "/")
    }

    /// Masks `name=value` and `name='some value'` where the name tells of a secret, as in libpq's key-value form.
    private static func maskingPairs(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].trimmingSpaces.split { $0.isWhitespace || "&;,?".contains($0) }.last ?? ""
            result += rest[...equals]
            rest = rest[rest.index(after: equals)...]
            guard isSensitive(String(name)) else { continue }
            rest = rest.drop { $0 == " " }
            if let quote = rest.first, quote == "'" || quote == "\"" {
                var isEscaped = false
                rest = rest.dropFirst().drop { character in
                    defer { isEscaped = character == "\\" && !isEscaped }
                    return character != quote || isEscaped
                }
                rest = rest.dropFirst()
            } else {
                rest = rest.drop { !$0.isWhitespace && !"&;".contains($0) }
            }
            result += mask
        }
        return result + rest
    }

    /// Whether a parameter of this name holds a secret.
    private static func isSensitive(_ name: String) -> Bool {
        let name = name.lowercased()
        // Names of a mechanism, of the database that knows the user, and of files are no secrets.
        let harmless = ["authsource", "authmechanism", "sslkey", "passfile", "tlscertificatekeyfile"]
        guard !harmless.contains(name) else { return false }
        return ["pass", "pwd", "token", "secret", "key", "credential", "signature", "authmechanismproperties"]
            .contains { name.contains($0) }
    }
}

extension StringProtocol {
    /// The text before the first `separator`, and what follows it.
    func splitOnce(at separator: Character) -> (SubSequence, SubSequence?) {
        guard let index = firstIndex(of: separator) else { return (self[...], nil) }
        return (self[..<index], self[self.index(after: index)...])
    }
}
