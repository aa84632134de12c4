import NIOCore
import RelayCore

extension WebhookTransport {
    /// What `check` says of the endpoint, and of where tokens come from. No request is sent.
    package func findings() async -> [Finding] {
        let subject = "destination.\(options.destination)"
        var findings = await probe(endpoint, subject).findings()
        if let tokens { findings += await probe(tokens.endpoint, subject + ".oauth").findings() }
        if options.secrets.isEmpty {
            findings.append(
                Finding(
                    .warning, subject,
                    "DESTINATION_SECRET is not set: requests are not signed, and a receiver cannot tell who sent them"))
        }
        return findings
    }

    private func probe(_ endpoint: Endpoint, _ subject: String) -> EndpointProbe {
        let limit = TimeAmount.milliseconds(min(5000, options.timeout.milliseconds))
        return EndpointProbe(endpoint, subject: subject, limit: limit, loop: loop)
    }
}
