extension ConfigurationTable {
    /// Options of a destination that is a webhook.
    enum Webhook {
        static let format = Setting<WebhookFormat>(
            "DESTINATION_FORMAT", .choice, default: "cloudevents", in: .webhook,
            "The body: CloudEvents 1.0 (structured, binary or batched), Standard Webhooks, or the payload alone.")
        static let secret = Setting(
            "DESTINATION_SECRET", .signingSecrets, none: "none", show: .secret, in: .webhook, shared: false,
            separator: " ", "Signing secrets; several while one is replaced.")
        static let headers = Setting(
            "DESTINATION_HEADERS", .headers, none: "none", show: .secret, in: .webhook, shared: false,
            separator: "\n", "Extra request headers; secret.")
        static let tlsCA = Setting(
            "DESTINATION_TLS_CA", .pem("CERTIFICATE"), none: "the system's", show: .bulk, in: .webhook, shared: false,
            "Certificates to trust, mostly by `_FILE`.")
        static let tlsCertificate = Setting(
            "DESTINATION_TLS_CERT", .pem("CERTIFICATE"), none: "none", show: .bulk, in: .webhook, shared: false,
            "The relay's own certificate for mutual TLS.")
        static let tlsKey = Setting(
            "DESTINATION_TLS_KEY", .pem("PRIVATE KEY"), none: "none", show: .secret, in: .webhook, shared: false,
            "Its private key; secret.")
        static let oauthTokenURL = Setting(
            "DESTINATION_OAUTH_TOKEN_URL", .tokenURL, none: "none", show: .uri, in: .webhook, shared: false,
            "Where to get OAuth2 tokens by client credentials.")
        static let oauthClientID = Setting(
            "DESTINATION_OAUTH_CLIENT_ID", .line(1000), none: "none", in: .webhook, shared: false,
            "The OAuth2 client.")
        static let oauthClientSecret = Setting(
            "DESTINATION_OAUTH_CLIENT_SECRET", .line(10_000), none: "none", show: .secret, in: .webhook,
            shared: false, "Its secret.")
        static let oauthScope = Setting(
            "DESTINATION_OAUTH_SCOPE", .line(1000), none: "none", in: .webhook, shared: false,
            "The OAuth2 scope to ask for.")
        static let compression = Setting<WebhookCompression>(
            "DESTINATION_COMPRESSION", .choice, default: "none", in: .webhook, "How bodies are compressed.")
        static let rate = Setting(
            "DESTINATION_RATE", .integer(1...100_000), none: "none", in: .webhook, "Attempts a second at most.")
        static let timeout = Setting(
            "DESTINATION_TIMEOUT", .duration(.milliseconds(100) ... .seconds(300)), default: "15s", in: .webhook,
            "One attempt, from connecting to the last byte of the answer.")
        static let concurrency = Setting(
            "DESTINATION_CONCURRENCY", .integer(1...1024), default: "32", in: .webhook, "Attempts in flight.")
        static let ordering = Setting<WebhookOrdering>(
            "DESTINATION_ORDERING", .choice, default: "key", in: .webhook,
            "Whether events of a key wait for one another.")
        static let retryFirst = Setting(
            "DESTINATION_RETRY_FIRST", .duration(.milliseconds(10) ... .seconds(3600)), default: "1s", in: .webhook,
            "The first wait before another attempt; it doubles, with full jitter.")
        static let retryMax = Setting(
            "DESTINATION_RETRY_MAX", .duration(.milliseconds(10) ... .seconds(86_400)), default: "1h", in: .webhook,
            "The longest wait, also for a `Retry-After`.")
        static let retryFor = Setting(
            "DESTINATION_RETRY_FOR", .duration(.seconds(1) ... .seconds(30 * 86_400)), default: "24h", in: .webhook,
            "From the first attempt, without the time the destination was paused or its breaker open; then dead "
                + "letter.")
        static let spoolBytes = Setting(
            "DESTINATION_SPOOL_BYTES", .size(1 << 20...1 << 40), default: "1GiB", in: .changesToWebhook,
            "What may be parked to save the oplog position in a long outage.")

        static let all = [
            format.variable, secret.variable, headers.variable, tlsCA.variable, tlsCertificate.variable,
            tlsKey.variable, oauthTokenURL.variable, oauthClientID.variable, oauthClientSecret.variable,
            oauthScope.variable, compression.variable, rate.variable, timeout.variable, concurrency.variable,
            ordering.variable, retryFirst.variable, retryMax.variable, retryFor.variable, spoolBytes.variable,
        ]
    }
}
