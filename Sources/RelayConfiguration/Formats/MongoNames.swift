/// What MongoDB and this relay allow as names.
enum MongoNames {
    /// Databases whose changes cannot be watched.
    private static let internalDatabases: Set<String> = ["admin", "local", "config"]

    /// Refuses what is no database name on any platform (the manual's "Naming Restrictions").
    static func checkDatabase(_ name: String) throws(MalformedValue) {
        guard !name.isEmpty, name.utf8.count <= 63 else { throw MalformedValue("is empty or too long") }
        guard !name.utf8.contains(where: { $0 == 0 || "/\\. \"$*<>:|?".utf8.contains($0) }) else {
            throw MalformedValue("holds a character that a database name cannot have")
        }
        guard !internalDatabases.contains(name.lowercased()) else {
            throw MalformedValue("is one of the server's own databases, which cannot be watched")
        }
    }

    /// Refuses what is no collection name, the server's own collections and the relay's.
    static func checkCollection(_ name: String) throws(MalformedValue) {
        guard !name.isEmpty, name.utf8.count <= 200 else { throw MalformedValue("has an empty or too long name") }
        guard !name.utf8.contains(0), !name.contains("$") else {
            throw MalformedValue("holds a character that a collection name cannot have")
        }
        guard !name.hasPrefix("system."), !name.hasPrefix("outbox_relay_") else {
            throw MalformedValue("names a collection of the server's or the relay's own")
        }
    }

    /// Refuses what is no dotted path to a field.
    static func checkPath(_ path: String) throws(MalformedValue) {
        guard path.utf8.count <= 255 else { throw MalformedValue("is too long") }
        for segment in path.split(separator: ".", omittingEmptySubsequences: false) {
            guard !segment.isEmpty else { throw MalformedValue("has an empty segment") }
            guard segment.first != "$", !segment.contains(where: \.isWhitespace), !segment.utf8.contains(0) else {
                throw MalformedValue("has a segment that begins with `$` or holds a space")
            }
        }
    }
}
