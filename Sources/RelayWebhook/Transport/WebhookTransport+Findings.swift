import RelayCore

extension WebhookTransport {
    /// What `check` says of the endpoint, and of where tokens come from. No request is sent.
    package func findings() async -> [Finding] {
        let subject = "destination.\(options.destination)"
        var findings = await EndpointProbe(endpoint.url, options, subject: subject).findings()
        if let tokens {
            findings += await EndpointProbe(tokens.endpoint.url, options, subject: subject + ".oauth").findings()
        }
        if options.secrets.isEmpty {
            findings.append(
                Finding(
                    .warning, subject,
                    "DESTINATION_SECRET is not set: requests are not signed, and a receiver cannot tell who sent them"))
        }
        return findings
    }
}
