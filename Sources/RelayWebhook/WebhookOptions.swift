import RelayCore

/// What a webhook destination needs to know. Holds secrets.
public struct WebhookOptions: Sendable {
    /// The body of a request.
    public enum Format: String, Sendable, CaseIterable {
        /// CloudEvents 1.0, structured.
        case cloudevents
        /// CloudEvents 1.0: attributes as headers, the payload as the body.
        case cloudeventsBinary = "cloudevents-binary"
        /// CloudEvents 1.0: many events in one request.
        case cloudeventsBatch = "cloudevents-batch"
        /// `type`, `timestamp`, `data`, as Standard Webhooks suggests.
        case standard
        /// The payload alone.
        case raw
    }

    /// OAuth2 client credentials.
    public struct OAuth: Sendable {
        public var tokenURL: String
        public var clientID: String
        public var clientSecret: String
        public var scope: String?

        /// Credentials for the token endpoint `tokenURL`.
        public init(tokenURL: String, clientID: String, clientSecret: String, scope: String? = nil) {
            self.tokenURL = tokenURL
            self.clientID = clientID
            self.clientSecret = clientSecret
            self.scope = scope
        }
    }

    /// The destination's name, for messages.
    public var destination: String
    /// The pipeline's name.
    public var pipeline: String
    /// `http://` or `https://`; may hold a password.
    public var url: String
    /// CloudEvents `source`.
    public var eventSource: String
    public var format: Format = .cloudevents
    /// Signing secrets, `whsec_…` or `whsk_…`.
    public var secrets: [String] = []
    /// Extra request headers.
    public var headers: [(name: String, value: String)] = []
    /// PEM texts; nil for the system's trust, and no certificate.
    public var tlsCA: String?
    public var tlsCertificate: String?
    public var tlsKey: String?
    public var oauth: OAuth?
    /// Whether bodies above a threshold are compressed.
    public var compresses = false
    /// Attempts a second at most.
    public var rate: Int?
    /// One attempt, from waiting for a connection to the last byte of the answer that is read.
    public var timeout: Duration = .seconds(15)
    /// Attempts under way at most.
    public var concurrency = 32
    /// Whether events of a key wait for one another.
    public var ordersByKey = true
    public var retryFirst: Duration = .seconds(1)
    public var retryMax: Duration = .seconds(3600)
    public var retryFor: Duration = .seconds(86_400)
    /// Bytes of events that may be parked in a long outage to save the position in a source whose history passes; nil
    /// for a source that keeps its events.
    public var spoolBytes: Int?
    /// Bytes of events that may be held in memory.
    public var buffer = 16 << 20
    /// How long a stop or a pause waits for attempts under way.
    public var settleTime: Duration = .seconds(20)
    /// The relay's version, for `user-agent`.
    public var version = "0"

    /// Options for the pipeline `pipeline` to `url`.
    public init(destination: String, pipeline: String, url: String, eventSource: String) {
        self.destination = destination
        self.pipeline = pipeline
        self.url = url
        self.eventSource = eventSource
    }
}
