/// Formats of plain texts and names.
extension ValueFormat where Value == String {
    /// A text of 1 to `most` characters on one line.
    static func line(_ most: Int) -> Self {
        Self("1 to \(most) characters without control characters") { text throws(MalformedValue) in
            guard text.count <= most else { throw MalformedValue("is too long") }
            guard !text.hasControlCharacters else { throw MalformedValue("holds a control character") }
            return text
        }
    }

    /// A text of 1 to `most` bytes, lines allowed.
    static func block(_ most: Int, _ accepted: String) -> Self {
        Self("\(accepted), up to \(SizeText.text(of: most))") { text throws(MalformedValue) in
            guard text.utf8.count <= most else { throw MalformedValue("is too long") }
            guard !text.utf8.contains(0) else { throw MalformedValue("holds a NUL") }
            return text
        }
    }

    /// PEM with at least one block whose label ends in `label`. Only the frame is looked at: TLS reads the rest.
    static func pem(_ label: String) -> Self {
        Self("PEM with a \(label.lowercased())") { text throws(MalformedValue) in
            guard text.contains("-----BEGIN "), text.contains("-----END ") else {
                throw MalformedValue("is not PEM (the path of a file goes into the `_FILE` form)")
            }
            guard !text.contains("-----BEGIN ENCRYPTED"), !text.contains("4,ENCRYPTED") else {
                throw MalformedValue("is encrypted, and there is no option for a passphrase: decrypt it")
            }
            guard text.contains("\(label)-----") else { throw MalformedValue("holds no \(label.lowercased())") }
            return text
        }
    }

    /// A URI reference for an attribute of an event (CloudEvents 1.0 `source`; RFC 3986).
    static var uriReference: Self {
        Self("a URI reference of 1 to 2048 characters, percent-encoded") { text throws(MalformedValue) in
            guard text.utf8.count <= 2048 else { throw MalformedValue("is too long") }
            guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"\"<>\\^`{|}".utf8.contains($0) }) else {
                throw MalformedValue("holds a character that must be percent-encoded")
            }
            return text
        }
    }

    /// An address or name to listen on. Whether it exists shows when the listener opens.
    static var host: Self {
        Self("an IPv4 address, an IPv6 address or a host name") { text throws(MalformedValue) in
            // An IPv6 address may name its zone behind a `%` (RFC 4007): `fe80::1%eth0`.
            let (address, zone) = text.splitOnce(at: "%")
            func isName(_ text: Substring) -> Bool {
                !text.isEmpty && text.utf8.allSatisfy { $0.isLetterOrDigit || "-._".utf8.contains($0) }
            }
            let isAddress =
                address.contains(":") && address.utf8.allSatisfy { $0.isHexDigit || ":.".utf8.contains($0) }
                && zone.map(isName) != false
            guard text.utf8.count <= 253, isAddress || isName(text[...]) else {
                throw MalformedValue("is no address or name")
            }
            return text
        }
    }

    /// A database of MongoDB in which collections can be watched.
    static var database: Self {
        let accepted =
            "a MongoDB database name of 1 to 63 bytes without `/ \\ . \" $ * < > : | ?` and spaces, "
            + "other than `admin`, `local`, `config`"
        return Self(accepted) { text throws(MalformedValue) in
            try MongoNames.checkDatabase(text)
            return text
        }
    }

    /// A collection the relay may write to.
    static var collection: Self {
        let accepted = "a collection name of 1 to 200 bytes without `$`, outside `system.` and `outbox_relay_`"
        return Self(accepted) { text throws(MalformedValue) in
            try MongoNames.checkCollection(text)
            return text
        }
    }

    /// A field of a document, dotted where it lies deeper.
    static var path: Self {
        Self("a field path like `payload` or `meta.id`") { text throws(MalformedValue) in
            try MongoNames.checkPath(text)
            return text
        }
    }

    /// A field of a document, or empty for no field.
    static var optionalPath: Self {
        Self("a field path like `payload` or `meta.id`, or empty for no field", allowsEmpty: true) {
            text throws(MalformedValue) in
            if !text.isEmpty { try MongoNames.checkPath(text) }
            return text
        }
    }

    /// A schema of PostgreSQL that needs no quoting, so that its users need not quote it either.
    static var schema: Self {
        let accepted = "1 to 63 of `a-z`, `0-9` and `_`, not beginning with a digit or `pg_`"
        return Self(accepted) { text throws(MalformedValue) in
            let isName = text.utf8.allSatisfy { $0.isLowerCaseLetter || $0.isDigit || $0 == UInt8(ascii: "_") }
            guard isName, text.utf8.count <= 63, text.utf8.first?.isDigit == false else { throw MalformedValue() }
            guard !text.hasPrefix("pg_"), text != "information_schema" else {
                throw MalformedValue("is reserved by PostgreSQL")
            }
            return text
        }
    }

    /// A text with `{topic}`, `{type}` and `{key}` in it.
    static func template(_ most: Int) -> Self {
        Self("1 to \(most) characters; `{topic}`, `{type}`, `{key}` are filled in") { text throws(MalformedValue) in
            guard text.count <= most else { throw MalformedValue("is too long") }
            guard !text.hasControlCharacters else { throw MalformedValue("holds a control character") }
            var rest = text
            for name in ["{topic}", "{type}", "{key}"] { rest = rest.split(separator: name).joined() }
            guard !rest.contains("{"), !rest.contains("}") else { throw MalformedValue("has an unknown placeholder") }
            return text
        }
    }
}
