extension ConfigurationTable {
    /// The table of `docs/configuration.md`, which a test holds against this.
    public static func markdown() -> String {
        let sections: [(String, [ConfigurationVariable])] = [
            ("The relay", Relay.all), ("MongoDB", MongoDB.all), ("The source", Source.all),
            ("Destinations", Destination.all), ("Compensation", Compensation.all),
        ]
        let head = "| variable | YAML key | default | accepted | for | meaning |\n|---|---|---|---|---|---|\n"
        return sections.map { title, variables in
            "### \(title)\n\n" + head + variables.map(row).joined()
        }.joined(separator: "\n")
    }

    private static func row(_ variable: ConfigurationVariable) -> String {
        let cells = [
            "`\(variable.name)`",
            variable.yamlKey.map { "`\($0)`" } ?? "none",
            variable.defaultText.map { "`\($0)`" } ?? variable.defaultNote ?? "none",
            variable.accepted,
            variable.applicability == .everywhere ? "" : variable.applicability.rawValue,
            variable.meaning,
        ]
        // A `|` ends a cell even between backquotes.
        let escaped = cells.map { $0.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
        return "| " + escaped.joined(separator: " | ") + " |\n"
    }
}
