/// The parts of `MONGODB_URI` that the relay itself needs.
struct MongoURI: Sendable {
    /// The URI as written, with its password.
    let text: String
    /// The database in the path; nil where there is none.
    let database: String?
}

extension ValueFormat where Value == MongoURI {
    /// A connection string of MongoDB. Its options are the driver's to check.
    static var mongodb: Self {
        let accepted = "`mongodb://HOST[:PORT][,…]/DATABASE[?OPTIONS]` or `mongodb+srv://HOST/DATABASE[?OPTIONS]`"
        return Self(accepted) { text throws(MalformedValue) in
            let uri = try ServerURI(text)
            guard uri.scheme == "mongodb" || uri.scheme == "mongodb+srv" else {
                throw MalformedValue("does not begin with `mongodb://` or `mongodb+srv://`")
            }
            guard uri.hosts.allSatisfy({ !$0.name.isEmpty }) else { throw MalformedValue("names no host") }
            guard uri.scheme == "mongodb" || (uri.hosts.count == 1 && uri.hosts[0].port == nil) else {
                throw MalformedValue("names several hosts or a port, which `mongodb+srv://` cannot have")
            }
            guard let path = uri.path, !path.isEmpty else { return MongoURI(text: text, database: nil) }
            return MongoURI(text: text, database: ServerURI.decoded(path))
        }
    }
}

/// Where a destination is.
struct DestinationURL: Sendable {
    /// The URL as written, with its password.
    let text: String
    let kind: DestinationKind
}

extension ValueFormat where Value == DestinationURL {
    /// A PostgreSQL connection URI (libpq, "Connection URIs") or the URL of a webhook.
    static var destination: Self {
        let accepted =
            "`postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`, `postgresql://…`, `http://…` or `https://…`"
        return Self(accepted) { text throws(MalformedValue) in
            let uri = try ServerURI(text)
            switch uri.scheme {
            case "postgres", "postgresql":
                try checkPostgres(uri)
                return DestinationURL(text: text, kind: .postgresql)
            case "http", "https":
                try checkWeb(uri)
                return DestinationURL(text: text, kind: .webhook)
            default:
                throw MalformedValue("does not begin with `postgres://`, `postgresql://`, `http://` or `https://`")
            }
        }
    }
}

extension ValueFormat where Value == String {
    /// The URL of a server that is asked for a token over HTTP.
    static var tokenURL: Self {
        Self("an `http://` or `https://` URL without user and password") { text throws(MalformedValue) in
            let uri = try ServerURI(text)
            guard uri.scheme == "http" || uri.scheme == "https" else {
                throw MalformedValue("does not begin with `http://` or `https://`")
            }
            guard uri.credentials == nil else {
                throw MalformedValue("has a user: the client and its secret have options of their own")
            }
            try checkWeb(uri)
            return text
        }
    }
}

/// What libpq accepts and the relay can use. That there is a database is asked for: libpq would fall back to the user's
/// name, and a queue would come into being where nobody looks for it.
private func checkPostgres(_ uri: ServerURI) throws(MalformedValue) {
    var names: Set<Substring> = []
    for pair in (uri.query ?? "").split(separator: "&") {
        let (name, value) = pair.splitOnce(at: "=")
        guard value != nil else { throw MalformedValue("has a parameter without `=`") }
        names.insert(name)
    }
    guard !uri.hasFragment else { throw MalformedValue("has a `#` that is not percent-encoded") }
    guard uri.path?.isEmpty == false || !names.isDisjoint(with: ["dbname", "service"]) else {
        throw MalformedValue("names no database: add it behind the host as `/DATABASE`")
    }
}

private func checkWeb(_ uri: ServerURI) throws(MalformedValue) {
    guard uri.hosts.count == 1, let host = uri.hosts.first?.name, !host.isEmpty else {
        throw MalformedValue("must name one host")
    }
    let isName = host.utf8.allSatisfy { $0.isLetterOrDigit || "-._".utf8.contains($0) }
    // Without a zone: it would mean something on one machine only.
    let isAddress = host.contains(":") && host.utf8.allSatisfy { $0.isHexDigit || ":.".utf8.contains($0) }
    guard isName || isAddress else {
        throw MalformedValue("names a host that is no address or ASCII name")
    }
    guard !uri.hasFragment else { throw MalformedValue("has a fragment, which is never sent") }
    for part in [uri.credentials, uri.path, uri.query] {
        guard part?.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"\"<>\\^`{|}".utf8.contains($0) }) != false else {
            throw MalformedValue("holds a character that must be percent-encoded")
        }
    }
}
