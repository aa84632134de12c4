import Foundation

/// The parts of a URI that names servers (RFC 3986, with several hosts between commas as MongoDB and libpq allow).
struct ServerURI {
    let scheme: String
    /// `user` or `user:password` as written; nil without an `@`.
    let credentials: String?
    let hosts: [Host]
    /// What follows the `/` behind the hosts, as written; nil without one.
    let path: String?
    let query: String?
    let hasFragment: Bool

    /// One server.
    struct Host {
        let name: String
        let port: Int?
    }

    /// Takes a URI apart. Fails with a reason that holds nothing of the text.
    init(_ text: String) throws(MalformedValue) {
        guard let colon = text.range(of: "://"), !text.hasControlCharacters, !text.contains(" ") else {
            throw MalformedValue("is not a URI")
        }
        scheme = text[..<colon.lowerBound].lowercased()
        var rest = text[colon.upperBound...]
        hasFragment = rest.contains("#")
        rest = rest.prefix { $0 != "#" }
        if let mark = rest.firstIndex(of: "?") {
            query = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        } else {
            query = nil
        }
        if let slash = rest.firstIndex(of: "/") {
            path = String(rest[rest.index(after: slash)...])
            rest = rest[..<slash]
        } else {
            path = nil
        }
        if let at = rest.lastIndex(of: "@") {
            let credentials = String(rest[..<at])
            guard !credentials.contains("@") else {
                throw MalformedValue("has a user or password in which `@` is not percent-encoded")
            }
            self.credentials = credentials
            rest = rest[rest.index(after: at)...]
        } else {
            credentials = nil
        }
        guard path?.contains("@") != true || credentials != nil || scheme.hasPrefix("http") else {
            throw MalformedValue("has an `@` behind a `/`: percent-encode `/` and `@` in user and password")
        }
        var hosts: [Host] = []
        for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
            hosts.append(try Self.host(part))
        }
        self.hosts = hosts
        for encoded in [credentials, path] {
            guard encoded == nil || Self.decoded(encoded ?? "") != nil else {
                throw MalformedValue("has a `%` that is no percent-encoding")
            }
        }
    }

    private static func host(_ text: Substring) throws(MalformedValue) -> Host {
        var name = text
        var port: Substring?
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw MalformedValue("has an IPv6 address without `]`") }
            name = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { throw MalformedValue("has text behind an IPv6 address") }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            name = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard let port else { return Host(name: String(name), port: nil) }
        guard port.utf8.allSatisfy(\.isDigit), let number = Int(port), (1...65535).contains(number) else {
            throw MalformedValue("has a port that is not a number from 1 to 65535")
        }
        return Host(name: String(name), port: number)
    }

    /// `text` without percent-encoding; nil where a `%` begins none, or what comes out is not UTF-8.
    static func decoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy(\.isHexDigit),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
