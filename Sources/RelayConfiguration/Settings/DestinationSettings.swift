/// One destination. Options of the other kind hold their defaults.
///
/// Holds secrets (``url``, and those of ``webhook``): print ``redactedURL`` instead.
public struct DestinationSettings: Sendable, CustomStringConvertible {
    /// The name in `DESTINATIONS`, or `default` for the only one.
    public internal(set) var name: String
    /// What it is; the scheme of the URL decides.
    public internal(set) var kind: DestinationKind
    /// Where it is, with its password.
    public internal(set) var url: String
    /// Globs of the topics that go there.
    public internal(set) var topics: [String]
    /// Globs of the types that go there.
    public internal(set) var types: [String]
    /// Leases that share its work by key.
    public internal(set) var partitions: Int
    /// Payloads above this many bytes go out as a reference; nil for none.
    public internal(set) var claimCheck: Int?
    /// PostgreSQL: whose queue contract is written.
    public internal(set) var queue: QueueEngine
    /// Other engines: the queue, as a template; nil leaves it to the engine.
    public internal(set) var queueName: String?
    /// Other engines: the task or worker, as a template; nil leaves it to the engine.
    public internal(set) var jobName: String?
    /// Other engines: the priority; nil leaves it to the engine.
    public internal(set) var jobPriority: Int?
    /// The user's own statement.
    public internal(set) var sql: String?
    /// PostgreSQL: the schema of the native queue and of the relay's state.
    public internal(set) var schema: String
    /// Native queue: the type of the payload column.
    public internal(set) var payloadType: PayloadType
    /// Native queue: events are kept at least so long.
    public internal(set) var retention: Duration
    /// Native queue: events are dropped after this regardless.
    public internal(set) var retentionMax: Duration
    /// Whether `run` creates what is missing.
    public internal(set) var autoSetup: Bool
    /// Options of a webhook.
    public internal(set) var webhook: WebhookSettings

    /// ``url`` without its password and sensitive parameters.
    public var redactedURL: String { Disclosure.uri.report(url) }

    /// The name and the kind, so that no secret is printed by accident.
    public var description: String { "DestinationSettings(\(name), \(kind.rawValue))" }
}

/// How events are delivered to a webhook.
public struct WebhookSettings: Sendable, CustomStringConvertible {
    /// The body.
    public internal(set) var format: WebhookFormat
    /// Signing secrets with their prefixes; empty leaves requests unsigned.
    public internal(set) var secrets: [String]
    /// Extra request headers.
    public internal(set) var headers: [HeaderField]
    /// Certificates to trust, as PEM; nil trusts the system's.
    public internal(set) var tlsCA: String?
    /// The relay's own certificate for mutual TLS, as PEM.
    public internal(set) var tlsCertificate: String?
    /// Its private key, as PEM.
    public internal(set) var tlsKey: String?
    /// OAuth2 client credentials; nil for none.
    public internal(set) var oauth: OAuthSettings?
    /// How bodies are compressed.
    public internal(set) var compression: WebhookCompression
    /// Attempts a second at most; nil for no limit.
    public internal(set) var rate: Int?
    /// One attempt, from connecting to the last byte of the answer.
    public internal(set) var timeout: Duration
    /// Attempts in flight.
    public internal(set) var concurrency: Int
    /// Which events wait for one another.
    public internal(set) var ordering: WebhookOrdering
    /// The first wait before another attempt.
    public internal(set) var retryFirst: Duration
    /// The longest wait.
    public internal(set) var retryMax: Duration
    /// From the first attempt to the dead letter.
    public internal(set) var retryFor: Duration
    /// Bytes that may be parked in a long outage of a `changes` pipeline.
    public internal(set) var spoolBytes: Int

    /// The format, so that no secret is printed by accident.
    public var description: String { "WebhookSettings(\(format.rawValue))" }
}

/// OAuth2 client credentials (RFC 6749, section 4.4).
public struct OAuthSettings: Sendable, CustomStringConvertible {
    /// Where tokens are to be had.
    public internal(set) var tokenURL: String
    /// The client.
    public internal(set) var clientID: String
    /// Its secret.
    public internal(set) var clientSecret: String
    /// The scope to ask for; nil asks for none.
    public internal(set) var scope: String?

    /// The client, so that no secret is printed by accident.
    public var description: String { "OAuthSettings(\(clientID))" }
}
