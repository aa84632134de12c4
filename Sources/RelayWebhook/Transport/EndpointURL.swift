import Foundation
import RelayCore

/// The parts of an `http://` or `https://` URL that a connection and its messages need.
struct EndpointURL: Sendable {
    /// The URL without user name, password and fragment.
    let url: URL
    /// The host as async-http-client sees it: what names are resolved, and certificates verified, by.
    let host: String
    let port: Int
    let isSecure: Bool
    /// `Basic …`, from the URL's user name and password; a secret.
    let basicAuthorization: String?
    /// The address that the host is itself, in whatever notation.
    let literal: IPAddress?

    /// Whether the host is this machine, by its name or its address.
    var isLoopback: Bool { literal?.isLoopback ?? (host == "localhost" || host.hasSuffix(".localhost")) }

    /// Host and port as messages show them; the port where it is not the scheme's own.
    var authority: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return port == (isSecure ? 443 : 80) ? host : "\(host):\(port)"
    }

    /// - Parameters:
    ///   - text: the URL; a secret, and in no message.
    ///   - variable: what the URL is called in messages: `DESTINATION_URL`.
    /// - Throws: ``RelayError`` of code `configuration`.
    init(_ text: String, variable: String) throws(RelayError) {
        func problem(_ what: String) -> RelayError {
            RelayError(
                .configuration, "\(variable) \(what); an address such as https://billing.example/hooks is wanted")
        }
        guard var parts = URLComponents(string: text) else { throw problem("is no URL") }
        guard let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme) else {
            throw problem("begins with neither http:// nor https://")
        }
        isSecure = scheme == "https"
        let (user, password) = (parts.user, parts.password)
        (parts.user, parts.password, parts.fragment) = (nil, nil, nil)
        parts.scheme = scheme
        guard let url = parts.url, let found = url.host, !found.isEmpty else { throw problem("names no host") }
        var host = found[...]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        // What is resolved is what is connected to: nothing that a library on the way may read otherwise.
        let isPlain = host.utf8.allSatisfy { byte in
            (0x30...0x3A).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x2D || byte == 0x2E || byte == 0x5F
        }
        guard isPlain, host.utf8.count <= 253 else {
            throw problem("names a host with characters that no host has (write other alphabets as xn--…)")
        }
        self.host = String(host)
        port = url.port ?? (isSecure ? 443 : 80)
        guard (1...65535).contains(port) else { throw problem("names a port that there is not") }
        self.url = url
        literal = NameResolver.literal(self.host)
        if user == nil && password == nil {
            basicAuthorization = nil
        } else {
            let pair = "\(user ?? ""):\(password ?? "")"
            guard !(user ?? "").contains(":") else { throw problem("has a colon in its user name") }
            basicAuthorization = "Basic \(Data(pair.utf8).base64EncodedString())"
        }
    }
}
