/// One effective value for the `config` command, without secrets.
public struct ConfigurationEntry: Sendable, Hashable, Codable {
    /// The variable, with the destination's name where there are several: `DESTINATION_LEDGER_SCHEMA`.
    public let variable: String
    /// The value as text, secrets as `***`; nil where nothing is set and there is no default.
    public let value: String?
    /// Where it came from: `environment SOURCE_KIND`, `file relay.yaml source.kind`,
    /// `MONGODB_URI_FILE /run/secrets/uri`, `command line --log-level`, `default`.
    public let origin: String
}
