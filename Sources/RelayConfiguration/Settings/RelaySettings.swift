/// The whole configuration of one relay, checked.
///
/// Holds secrets (``mongodbURI``, URLs and signing secrets of destinations): print ``report`` instead.
public struct RelaySettings: Sendable, CustomStringConvertible {
    /// Identity of the relay: namespaces lease, checkpoint and metrics.
    public internal(set) var name: String
    /// CloudEvents `source`, a URI reference.
    public internal(set) var eventSource: String
    /// Where MongoDB is, with its password.
    public internal(set) var mongodbURI: String
    /// The database of the source.
    public internal(set) var database: String
    /// The database of the `outbox_relay_*` collections.
    public internal(set) var stateDatabase: String
    /// Where events come from.
    public internal(set) var source: SourceSettings
    /// Where they go; at least one, in the order they were named.
    public internal(set) var destinations: [DestinationSettings]
    /// What becomes of events that were given up on.
    public internal(set) var compensation: CompensationSettings
    /// Events in one batch at most.
    public internal(set) var batchEvents: Int
    /// Bytes at which a batch is full.
    public internal(set) var batchBytes: Int
    /// How long a batch that is not full waits for more.
    public internal(set) var batchLinger: Duration
    /// Bytes that all pipelines together may hold.
    public internal(set) var bufferBytes: Int
    /// A crashed leader is replaced within this and 2 s.
    public internal(set) var leaseTTL: Duration
    /// Where health, metrics and status listen. `::` means IPv4 as well, and IPv4 alone where there is no IPv6.
    public internal(set) var httpHost: String
    /// Their port; 0 takes any free one.
    public internal(set) var httpPort: Int
    /// The least severe log messages that are written.
    public internal(set) var logLevel: LogLevel
    /// How log messages are written.
    public internal(set) var logFormat: LogFormat
    /// From SIGTERM to the exit.
    public internal(set) var shutdownTimeout: Duration
    /// Every effective value and where it came from, without secrets, in the order of the documentation.
    public internal(set) var report: [ConfigurationEntry]

    /// The name and nothing else, so that no secret is printed by accident.
    public var description: String { "RelaySettings(\(name))" }
}

/// What becomes of events that were given up on.
public struct CompensationSettings: Sendable, Hashable {
    /// The collection of the source that they are written to as well; nil for none.
    public internal(set) var collection: String?
    /// Whether the other destinations get `<type>.undeliverable`.
    public internal(set) var event: Bool
}
