import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import RelayCore

/// Looks whether an endpoint can be reached: name, connection, TLS. Sends no request.
struct EndpointProbe {
    private let url: EndpointURL
    private let options: WebhookOptions
    private let subject: String
    private let failures: FailureClassifier

    /// How long connecting to one address, and the handshake, may each take.
    private static let patience = TimeAmount.seconds(3)

    init(_ url: EndpointURL, _ options: WebhookOptions, subject: String) {
        self.url = url
        self.options = options
        self.subject = subject
        failures = FailureClassifier(authority: url.authority, host: url.host, timeout: .seconds(3))
    }

    /// What there is to say.
    func findings() async -> [Finding] {
        let found: [IPAddress]
        switch await addresses() {
        case .success(let addresses): found = addresses
        case .failure(let failure):
            return [Finding(.unreachable, subject, "\(url.host) could not be resolved: \(failure.reason)")]
        }
        let allowed = AddressPolicy.allowed(found)
        if allowed.isEmpty {
            let names = found.map(\.description).joined(separator: ", ")
            return [
                Finding(
                    .failure, subject,
                    "\(url.host) is \(names), which is never connected to: link-local and metadata addresses are no "
                        + "receivers")
            ]
        }
        var last: Finding?
        for address in allowed.prefix(2) {
            let finding = await connect(to: address)
            if finding.level == .ok { return [finding] + warnings(address) }
            last = finding
        }
        return last.map { [$0] } ?? []
    }

    private func addresses() async -> Result<[IPAddress], NameResolver.Failure> {
        if let literal = url.literal { return .success([literal]) }
        return await withCheckedContinuation { continuation in
            NameResolver().resolve(url.host) { continuation.resume(returning: $0) }
        }
    }

    private func warnings(_ address: IPAddress) -> [Finding] {
        guard !url.isSecure, !address.isLoopback else { return [] }
        return [
            Finding(
                .warning, subject,
                "the URL begins with http://: events and signatures cross the network in the open. Use https:// "
                    + "unless something else encrypts the way to \(url.authority)")
        ]
    }

    private func connect(to address: IPAddress) async -> Finding {
        do {
            let target = try SocketAddress(ipAddress: address.description, port: url.port)
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(Self.patience)
            guard url.isSecure else {
                try await bootstrap.connect(to: target).get().close().get()
                return Finding(.ok, subject, "\(url.authority) accepts connections (\(address))")
            }
            let negotiated = try await handshake(bootstrap, target)
            return Finding(
                .ok, subject,
                "\(url.authority) accepts connections (\(address)), its certificate is trusted, and it speaks "
                    + (negotiated == "h2" ? "HTTP/2" : "HTTP/1.1"))
        } catch {
            let result = failures.result(HTTPExchange.Failure(error: error))
            return Finding(result.outcome == .tls ? .failure : .unreachable, subject, result.message)
        }
    }

    /// The protocol that was agreed on; nil for none.
    private func handshake(_ bootstrap: ClientBootstrap, _ target: SocketAddress) async throws -> String? {
        var configuration = try TLSSettings.configuration(options)
        configuration.applicationProtocols = ["h2", "http/1.1"]
        let context = try NIOSSLContext(configuration: configuration)
        let host = url.literal == nil ? url.host : nil
        let outcome = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: String?.self)
        let channel: any Channel
        do {
            channel = try await bootstrap.channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: host))
                    try pipeline.addHandler(HandshakeObserver(outcome))
                }
            }.connect(to: target).get()
        } catch {
            outcome.fail(error)
            throw error
        }
        defer { channel.close(promise: nil) }
        channel.eventLoop.scheduleTask(in: Self.patience) { outcome.fail(ChannelError.connectTimeout(Self.patience)) }
        return try await outcome.futureResult.get()
    }
}

/// Tells how a TLS handshake ended. What comes behind that changes nothing: a promise is kept once.
private final class HandshakeObserver: ChannelInboundHandler {
    typealias InboundIn = NIOAny
    private let outcome: EventLoopPromise<String?>

    init(_ outcome: EventLoopPromise<String?>) { self.outcome = outcome }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent { outcome.succeed(negotiated) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        outcome.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        outcome.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
