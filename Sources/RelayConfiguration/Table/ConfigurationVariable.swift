/// One variable of the configuration: all that parsing, `config` and the documentation know of it.
public struct ConfigurationVariable: Sendable {
    /// The environment variable: `RELAY_LEASE_TTL`.
    public let name: String
    /// The key in the YAML file, `relay.leaseTtl`; nil for what cannot stand there.
    public let yamlKey: String?
    /// What is accepted, with its range.
    public let accepted: String
    /// The text that holds where nothing is set; nil where there is none.
    public let defaultText: String?
    /// What the documentation says of the default where the text does not tell.
    public let defaultNote: String?
    /// How much of the value people may see.
    public let disclosure: Disclosure
    /// Where it has an effect.
    public let applicability: Applicability
    /// Whether, written without a destination's name, it holds for all destinations.
    public let isSharedByDestinations: Bool
    /// What joins the elements of a YAML sequence; nil where a sequence is a mistake.
    public let listSeparator: String?
    /// What it means, in a sentence.
    public let meaning: String
    /// Refuses a text that is no value.
    let check: @Sendable (String) throws(MalformedValue) -> Void
    /// Whether an empty text is a value.
    let allowsEmpty: Bool

    /// Whether this is an option of a destination.
    public var isOfDestination: Bool { name.hasPrefix(Self.destinationPrefix) }

    static let destinationPrefix = "DESTINATION_"

    /// The variable's name for the destination `destination`; nil is the single one.
    func name(for destination: String?) -> String {
        guard let destination, isOfDestination else { return name }
        return Self.destinationPrefix + destination.uppercased() + "_" + name.dropFirst(Self.destinationPrefix.count)
    }

    /// The YAML key for the destination `destination`; nil is the single one.
    func yamlKey(for destination: String?) -> String? {
        guard let destination, isOfDestination, let yamlKey else { return yamlKey }
        return "destinations.\(destination)." + yamlKey.dropFirst("destination.".count)
    }
}

extension ConfigurationVariable {
    /// `SOURCE_FIELD_SCHEMA_VERSION` is `source.field.schemaVersion`: the section, then the rest in camel case.
    static func yamlKey(of name: String) -> String {
        let sections = [("SOURCE_FIELD_", "source.field.")]
        if let (prefix, section) = sections.first(where: { name.hasPrefix($0.0) }) {
            return section + camelCase(name.dropFirst(prefix.count))
        }
        let (section, rest) = name.splitOnce(at: "_")
        return section.lowercased() + "." + camelCase(rest ?? "")
    }

    private static func camelCase(_ name: Substring) -> String {
        let words = name.split(separator: "_").map { $0.lowercased() }
        return words.prefix(1).joined() + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }
}
