/// Names of destinations in `DESTINATIONS`.
enum DestinationNames {
    /// The name of the only destination where `DESTINATIONS` is not used.
    static let single = "default"

    /// First words of the options, such as `url` or `retry`: `DESTINATION_RETRY_MAX` has one reading only.
    static let reserved: Set<String> = Set(
        ConfigurationTable.Destination.all.filter(\.isOfDestination).map { variable in
            String(variable.name.dropFirst("DESTINATION_".count).prefix { $0 != "_" }).lowercased()
        })

    static func check(_ name: String) throws(MalformedValue) {
        guard isWellFormed(name) else {
            throw MalformedValue("holds a name that does not match `[a-z][a-z0-9]*`")
        }
        guard name.utf8.count <= 63 else { throw MalformedValue("holds a name of more than 63 characters") }
        guard !reserved.contains(name) else {
            throw MalformedValue("holds a name that is the first word of an option: pick another")
        }
    }

    static func isWellFormed(_ name: String) -> Bool {
        name.utf8.first?.isLowerCaseLetter == true && name.utf8.allSatisfy { $0.isLowerCaseLetter || $0.isDigit }
    }
}
