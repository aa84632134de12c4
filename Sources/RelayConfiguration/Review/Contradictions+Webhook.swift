/// Contradictions among the options of a webhook.
extension Contradictions {
    private typealias Table = ConfigurationTable.Webhook

    static func webhook(_ destination: DestinationSettings, _ review: SettingsReview) -> [ConfigurationProblem] {
        // For a queue they have no effect at all, which is said elsewhere. Without a URL nobody knows.
        guard destination.kind == .webhook || !review.isSound([url], destination) else { return [] }
        return retries(destination, review) + tls(destination, review) + oauth(destination, review)
            + authorization(destination, review)
    }

    private static var url: ConfigurationVariable { ConfigurationTable.Destination.url.variable }

    private static func retries(
        _ destination: DestinationSettings, _ review: SettingsReview
    ) -> [ConfigurationProblem] {
        let webhook = destination.webhook
        return review.conflict(
            Table.retryFirst.variable, Table.retryMax.variable, destination,
            if: webhook.retryFirst > webhook.retryMax, "is longer than the longest wait")
            + review.conflict(
                Table.retryFirst.variable, Table.retryFor.variable, destination,
                if: webhook.retryFirst > webhook.retryFor, "is longer than all attempts may take")
    }

    private static func tls(_ destination: DestinationSettings, _ review: SettingsReview) -> [ConfigurationProblem] {
        let webhook = destination.webhook
        let urls = [destination.url, webhook.oauth?.tokenURL ?? ""].map { $0.lowercased() }
        let isPlain =
            review.isSound([url, Table.oauthTokenURL.variable], destination)
            && !urls.contains { $0.hasPrefix("https:") }
        let options = [Table.tlsCA.variable, Table.tlsCertificate.variable, Table.tlsKey.variable]
        return options.flatMap { option in
            review.conflict(
                option, url, destination, if: isPlain && review.set(option, destination) != nil,
                "has no effect without TLS")
        }
            + review.conflict(
                Table.tlsCertificate.variable, Table.tlsKey.variable, destination,
                if: webhook.tlsCertificate != nil && webhook.tlsKey == nil, "needs its private key")
            + review.conflict(
                Table.tlsKey.variable, Table.tlsCertificate.variable, destination,
                if: webhook.tlsKey != nil && webhook.tlsCertificate == nil, "needs its certificate")
    }

    private static func oauth(_ destination: DestinationSettings, _ review: SettingsReview) -> [ConfigurationProblem] {
        let required = [Table.oauthTokenURL.variable, Table.oauthClientID.variable, Table.oauthClientSecret.variable]
        let all = required + [Table.oauthScope.variable]
        guard review.isSound(all, destination), all.contains(where: { review.set($0, destination) != nil }) else {
            return []
        }
        return required.filter { review.set($0, destination) == nil }.map {
            ConfigurationProblem(
                review.name($0, destination), "is required and not set where another option of OAuth is",
                accepted: $0.accepted)
        }
    }

    /// A request has one `Authorization`.
    private static func authorization(
        _ destination: DestinationSettings, _ review: SettingsReview
    ) -> [ConfigurationProblem] {
        let webhook = destination.webhook
        let hasUser = (try? ServerURI(destination.url))?.credentials != nil
        let hasHeader = webhook.headers.contains { $0.name.lowercased() == "authorization" }
        return review.conflict(
            Table.headers.variable, Table.oauthTokenURL.variable, destination,
            if: hasHeader && webhook.oauth != nil, "sets `Authorization`, which is where the token goes")
            + review.conflict(
                Table.headers.variable, url, destination, if: hasHeader && hasUser,
                "sets `Authorization`, which is where user and password go")
            + review.conflict(
                Table.oauthTokenURL.variable, url, destination, if: hasUser && webhook.oauth != nil,
                "brings a token, and the URL a user: a request has one `Authorization`")
    }
}
