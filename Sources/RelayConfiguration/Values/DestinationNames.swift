/// Names of destinations in `DESTINATIONS`.
enum DestinationNames {
    /// The name of the only destination where `DESTINATIONS` is not used.
    static let single = "default"

    /// The longest name: it is part of the pipeline's, and a label of every metric.
    static let mostBytes = 63

    /// First words of the options, such as `url` or `retry`: `DESTINATION_RETRY_MAX` has one reading only.
    static let reserved: Set<String> = Set(
        ConfigurationTable.Destination.all.filter(\.isOfDestination).map { variable in
            String(variable.name.dropFirst("DESTINATION_".count).prefix { $0 != "_" }).lowercased()
        })

    /// Refuses what cannot name destinations, with all that is wrong in one sentence.
    static func check(_ names: [String]) throws(MalformedValue) {
        var seen: Set<String> = []
        var faults: [(what: String, names: [String])] = [
            ("holds an empty name", names.filter(\.isEmpty)),
            (
                "holds names that do not match `[a-z][a-z0-9]*`",
                names.filter { !$0.isEmpty && !isWellFormed($0) }
            ),
            (
                "holds names of more than \(mostBytes) characters",
                names.filter { isWellFormed($0) && $0.utf8.count > mostBytes }
            ),
            ("holds names that are the first word of an option", names.filter(reserved.contains)),
            ("holds names twice", names.filter { !$0.isEmpty && !seen.insert($0).inserted }),
        ]
        faults.removeAll { $0.names.isEmpty }
        guard !faults.isEmpty else { return }
        // Whoever writes a URL here has taken the variable for another: its parts may be parts of a password.
        let mayShow = !names.contains { $0.contains("://") || $0.contains("@") || $0.contains("=") }
        throw MalformedValue(
            faults.map { fault in
                let shown = fault.names.filter { !$0.isEmpty }.map(Disclosure.plain.refused)
                return mayShow && !shown.isEmpty ? "\(fault.what) (\(shown.joined(separator: ", ")))" : fault.what
            }.joined(separator: ", and "))
    }

    static func isWellFormed(_ name: String) -> Bool {
        name.utf8.first?.isLowerCaseLetter == true && name.utf8.allSatisfy { $0.isLowerCaseLetter || $0.isDigit }
    }
}
