import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import RelayCore

/// Looks whether an endpoint can be reached: name, connection, TLS. Sends no request.
struct EndpointProbe {
    /// What a connection turned out to be.
    struct Connection: Sendable {
        var speaksHTTP2 = false
        /// `1.3`; nil without TLS.
        var tls: String?
        /// Until when the certificate is valid, in Unix seconds.
        var expiry: Int64?
    }

    private let endpoint: Endpoint
    private let subject: String
    private let limit: TimeAmount
    private let loop: any EventLoop
    private let failures: FailureClassifier
    private var url: EndpointURL { endpoint.url }

    /// How long a server has to reject our certificate, or that there is none: with TLS 1.3 it can only do so when the
    /// handshake is over for us.
    private static let alertTime = TimeAmount.milliseconds(300)
    /// A certificate with less time left is worth a warning, in days.
    private static let fewDays: Int64 = 14
    /// Addresses that are tried.
    private static let mostAddresses = 8

    /// - Parameters:
    ///   - limit: for connecting to one address and for the handshake together.
    ///   - loop: what connections live on.
    init(_ endpoint: Endpoint, subject: String, limit: TimeAmount, loop: any EventLoop) {
        self.endpoint = endpoint
        self.subject = subject
        self.limit = limit
        self.loop = loop
        let timeout = Duration.nanoseconds(limit.nanoseconds)
        failures = FailureClassifier(authority: endpoint.url.authority, host: endpoint.url.host, timeout: timeout)
    }

    /// What there is to say.
    func findings() async -> [Finding] {
        let found: [IPAddress]
        switch await endpoint.lookUpOnce() {
        case .success(let addresses): found = addresses
        case .failure(let failure):
            return [finding(.unreachable, "\(url.host) could not be resolved: \(failure.reason)")]
        }
        let forbidden = found.filter(endpoint.forbids)
        let allowed = found.filter { !endpoint.forbids($0) }
        let names = forbidden.map(\.description).joined(separator: ", ")
        if allowed.isEmpty {
            let reason = "link-local and metadata addresses are no receivers"
            return [finding(.failure, "\(url.host) is \(names), which is never connected to: \(reason)")]
        }
        var findings: [Finding] = []
        var problems: [AttemptResult] = []
        for address in allowed.prefix(Self.mostAddresses) {
            switch await connect(to: address) {
            case .success(let connection): findings.append(describe(connection, to: address))
            case .failure(let failure):
                var problem = failures.result(failure)
                if allowed.count > 1 { problem.message += " (\(address))" }
                problems.append(problem)
            }
        }
        let isReached = !findings.isEmpty
        findings += problems.map { problem in
            let level: Finding.Level = problem.outcome == .tls ? .failure : .unreachable
            return finding(isReached ? .warning : level, problem.message)
        }
        if !forbidden.isEmpty {
            findings.append(finding(.warning, "\(url.host) is also \(names), which is never connected to"))
        }
        if isReached && !url.isSecure && !allowed.allSatisfy(\.isLoopback) {
            findings.append(
                finding(
                    .warning,
                    "the URL begins with http://: what is sent crosses the network in the open. Use https:// unless "
                        + "something else encrypts the way to \(url.authority)"))
        }
        return findings
    }

    private func finding(_ level: Finding.Level, _ message: String) -> Finding { Finding(level, subject, message) }

    private func describe(_ connection: Connection, to address: IPAddress) -> Finding {
        var text = "\(url.authority) accepts connections (\(address))"
        guard let tls = connection.tls else { return finding(.ok, text) }
        let version = connection.speaksHTTP2 ? "HTTP/2" : "HTTP/1.1"
        guard let expiry = connection.expiry else {
            return finding(.ok, text + ", its certificate is trusted, and it speaks TLS \(tls) and \(version)")
        }
        let days = (expiry - Moment.now.unix / 1000) / 86_400
        text += ", its certificate is trusted for \(days) more days, and it speaks TLS \(tls) and \(version)"
        return finding(days < Self.fewDays ? .warning : .ok, text)
    }

    // MARK: - Connecting

    private func connect(to address: IPAddress) async -> Result<Connection, HTTPExchange.Failure> {
        do {
            let target = try SocketAddress(ipAddress: address.description, port: url.port)
            let bootstrap = ClientBootstrap(group: loop).connectTimeout(limit)
            guard url.isSecure else {
                try await bootstrap.connect(to: target).get().close().get()
                return .success(Connection())
            }
            return .success(try await handshake(bootstrap, target))
        } catch let error as ChannelError {
            if case .connectTimeout = error {
                // The same as of a real attempt.
                return .failure(HTTPExchange.Failure(error: TransportFault.unconnected))
            }
            return .failure(HTTPExchange.Failure(error: error))
        } catch {
            return .failure(HTTPExchange.Failure(error: error))
        }
    }

    private func handshake(_ bootstrap: ClientBootstrap, _ target: SocketAddress) async throws -> Connection {
        var configuration = endpoint.tls
        configuration.applicationProtocols = ["h2", "http/1.1"]
        let context = try NIOSSLContext(configuration: configuration)
        let host = url.literal == nil ? url.host : nil
        let outcome = loop.makePromise(of: Connection.self)
        let timer = loop.scheduleTask(in: limit) { outcome.fail(TransportFault.noHandshake) }
        defer { timer.cancel() }
        let channel: any Channel
        do {
            channel = try await bootstrap.channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: host))
                    try pipeline.addHandler(HandshakeObserver(outcome, patience: Self.alertTime))
                }
            }.connect(to: target).get()
        } catch {
            outcome.fail(error)
            throw error
        }
        defer { channel.close(promise: nil) }
        return try await outcome.futureResult.get()
    }
}

/// Tells how a TLS handshake ended, and what the server thought of it. What comes behind that changes nothing: a
/// promise is kept once.
private final class HandshakeObserver: ChannelInboundHandler {
    typealias InboundIn = NIOAny
    private let outcome: EventLoopPromise<EndpointProbe.Connection>
    private let patience: TimeAmount

    init(_ outcome: EventLoopPromise<EndpointProbe.Connection>, patience: TimeAmount) {
        self.outcome = outcome
        self.patience = patience
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let negotiated)? = event as? TLSUserEvent {
            let pipeline = context.pipeline.syncOperations
            let certificate = (try? pipeline.nioSSL_peerCertificate()).flatMap { $0 }
            let version = (try? pipeline.nioSSL_tlsVersion()).flatMap { $0 }
            let connection = EndpointProbe.Connection(
                speaksHTTP2: negotiated == "h2", tls: version == .tlsv13 ? "1.3" : "1.2",
                expiry: certificate.map { Int64($0.notValidAfter) })
            let outcome = outcome
            _ = context.eventLoop.scheduleTask(in: patience) { outcome.succeed(connection) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        outcome.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        outcome.fail(ChannelError.eof)
        context.fireChannelInactive()
    }
}
