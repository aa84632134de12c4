import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import Synchronization

/// The connections to one address of an endpoint.
///
/// async-http-client has no hook for name resolution; but it connects to what it is told that a name stands for, and
/// verifies certificates by the name. So a client is bound to one address that was looked at, and another address is
/// another client. The old one ends with its last request.
final class AddressClient: Sendable {
    /// How connections are made.
    struct Settings: Sendable {
        var host: String
        var tls: TLSConfiguration?
        var connectTimeout: TimeAmount
        var concurrency: Int
        var loop: any EventLoop
        var notes: LoopNotes
        /// Which addresses connections are given up to after all; ``AddressPolicy``.
        var forbids: @Sendable (IPAddress) -> Bool
    }

    /// How long a connection is kept for the next request: less than the 60 s and more after which common servers and
    /// load balancers close it.
    static let idleTimeout = TimeAmount.seconds(45)

    private struct State {
        var shared: HTTPClient?
        var fresh: HTTPClient?
        var leases = 0
        var isRetired = false
    }

    let address: IPAddress
    private let settings: Settings
    private let state = Mutex(State())

    init(_ address: IPAddress, _ settings: Settings) {
        self.address = address
        self.settings = settings
    }

    deinit {
        // An async-http-client that is dropped without having been shut down leaks its connections.
        let (shared, fresh) = state.withLock { ($0.shared, $0.fresh) }
        for client in [shared, fresh] { client?.shutdown { _ in } }
    }

    /// Takes a client for one request; ``release()`` gives it back. Nil when this one is not used any more.
    /// - Parameter fresh: whether the request has to have a new connection.
    func lease(fresh: Bool = false) -> HTTPClient? {
        state.withLock { state in
            guard !state.isRetired else { return nil }
            state.leases += 1
            if fresh { return state.fresh.fill(with: client(uses: 1)) }
            return state.shared.fill(with: client(uses: nil))
        }
    }

    /// Gives back what ``lease(fresh:)`` took.
    func release() {
        endIfUnused { $0.leases -= 1 }
    }

    /// Takes no more requests, and closes its connections when those under way have ended.
    func retire() {
        endIfUnused { $0.isRetired = true }
    }

    /// Closes all connections, whatever is under way, and waits until they are.
    func shutdown() async {
        let clients = state.withLock { state in
            state.isRetired = true
            return [state.shared.take(), state.fresh.take()]
        }
        for client in clients { try? await client?.shutdown().get() }
    }

    private func endIfUnused(_ change: (inout State) -> Void) {
        let ending = state.withLock { state -> [HTTPClient?] in
            change(&state)
            guard state.isRetired, state.leases == 0 else { return [] }
            return [state.shared.take(), state.fresh.take()]
        }
        for client in ending { client?.shutdown { _ in } }
    }

    private func client(uses: Int?) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = settings.tls
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.proxy = nil
        configuration.dnsOverride = [settings.host: "\(address)"]
        configuration.httpVersion = .automatic
        configuration.timeout = .init(connect: settings.connectTimeout)
        configuration.connectionPool.idleTimeout = Self.idleTimeout
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = settings.concurrency
        configuration.maximumUsesPerConnection = uses
        configuration.tracing.tracer = nil
        let (notes, forbids) = (settings.notes, settings.forbids)
        configuration.http1_1ConnectionDebugInitializer = { channel in
            channel.eventLoop.makeCompletedFuture {
                try Self.checkAddress(of: channel, forbids)
                let note = ConnectionNote()
                let pipeline = channel.pipeline.syncOperations
                let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPResponseDecoder>.self)
                try pipeline.addHandler(InboundLimit(note), position: .before(decoder))
                try pipeline.addHandler(ExchangeGuard(note, notes, countsParts: false), position: .after(decoder))
            }
        }
        configuration.http2ConnectionDebugInitializer = { channel in
            channel.eventLoop.makeCompletedFuture {
                try Self.checkAddress(of: channel, forbids)
                try channel.pipeline.syncOperations.addHandler(StreamCount())
            }
        }
        configuration.http2StreamChannelDebugInitializer = { channel in
            channel.eventLoop.makeCompletedFuture {
                let note = ConnectionNote()
                let pipeline = channel.pipeline.syncOperations
                let codec = try pipeline.handler(type: HTTP2FramePayloadToHTTP1ClientCodec.self)
                if let count = try channel.parent?.pipeline.syncOperations.handler(type: StreamCount.self) {
                    note.exchanges = count.streams
                    count.streams += 1
                }
                try pipeline.addHandler(ExchangeGuard(note, notes, countsParts: true), position: .after(codec))
            }
        }
        return HTTPClient(eventLoopGroupProvider: .shared(settings.loop), configuration: configuration)
    }

    /// What is connected to has been looked at already; this finds what a mistake of ours, or of the library, let pass.
    private static func checkAddress(of channel: any Channel, _ forbids: (IPAddress) -> Bool) throws {
        if let remote = channel.remoteAddress.flatMap({ IPAddress($0) }), !forbids(remote) { return }
        channel.close(promise: nil)
        throw TransportFault.forbidden(channel.remoteAddress.flatMap { IPAddress($0) }.map { [$0] } ?? [])
    }
}

/// Counts the requests over one HTTP/2 connection.
private final class StreamCount: ChannelInboundHandler {
    typealias InboundIn = Any
    var streams = 0
}

extension Optional {
    /// What is in it, after putting something in if there was nothing.
    fileprivate mutating func fill(with make: @autoclosure () -> Wrapped) -> Wrapped {
        if let self { return self }
        let made = make()
        self = made
        return made
    }
}
