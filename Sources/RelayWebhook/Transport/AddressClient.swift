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
        /// Connections at most, where HTTP/1 is spoken.
        var concurrency: Int
        /// What connections live on; each with a client of its own.
        var loops: [any EventLoop]
        /// Which addresses connections are given up to after all; ``AddressPolicy``.
        var forbids: @Sendable (IPAddress) -> Bool
    }

    /// One request's hold on a client; to be released when its connection is not needed any more.
    struct Lease: Sendable {
        let owner: AddressClient
        let http: HTTPClient
        let notes: LoopNotes
        fileprivate let lane: Int

        func release() { owner.release(lane) }
    }

    /// How long a connection is kept for the next request: less than the 60 s and more after which common servers and
    /// load balancers close it.
    static let idleTimeout = TimeAmount.seconds(45)

    /// Up to so many requests at a time one thread needs less processor time than two do, which hand each other work;
    /// with more of them the library's search for an idle connection takes its time, and two lists are shorter.
    static let mostOnOneLoop = 64

    /// The clients on one loop.
    ///
    /// A client has one loop and not several: async-http-client 1.37 traps when a connection is closed in the moment in
    /// which one loop hands a finished request to another ("a connection that we don't know was released").
    fileprivate struct Lane {
        let loop: any EventLoop
        let notes = LoopNotes()
        var shared: HTTPClient?
        /// Uses every connection once.
        var fresh: HTTPClient?
        var leases = 0
    }

    fileprivate struct State {
        var lanes: [Lane]
        var isRetired = false
    }

    let address: IPAddress
    private let settings: Settings
    private let state: Mutex<State>

    init(_ address: IPAddress, _ settings: Settings) {
        self.address = address
        self.settings = settings
        state = Mutex(State(lanes: settings.loops.map { Lane(loop: $0) }))
    }

    deinit {
        // An async-http-client that is dropped without having been shut down leaks its connections.
        for client in state.withLock({ $0.takeAll() }) { client.shutdown { _ in } }
    }

    /// Takes a client for one request; nil when this one is not used any more.
    /// - Parameter fresh: whether the request has to have a new connection.
    func lease(fresh: Bool = false) -> Lease? {
        state.withLock { state in
            guard !state.isRetired else { return nil }
            var number = 0
            for other in state.lanes.indices where state.lanes[other].leases < state.lanes[number].leases {
                number = other
            }
            var lane = state.lanes[number]
            lane.leases += 1
            let http = fresh ? lane.fresh ?? client(lane, uses: 1) : lane.shared ?? client(lane, uses: nil)
            if fresh { lane.fresh = http } else { lane.shared = http }
            state.lanes[number] = lane
            return Lease(owner: self, http: http, notes: lane.notes, lane: number)
        }
    }

    /// Takes no more requests, and closes its connections when those under way have ended.
    func retire() { endIfUnused { $0.isRetired = true } }

    /// Closes all connections, whatever is under way, and waits until they are.
    func shutdown() async {
        let clients = state.withLock { state in
            state.isRetired = true
            return state.takeAll()
        }
        for client in clients { try? await client.shutdown().get() }
    }

    private func release(_ lane: Int) { endIfUnused { $0.lanes[lane].leases -= 1 } }

    private func endIfUnused(_ change: (inout State) -> Void) {
        let ending = state.withLock { state -> [HTTPClient] in
            change(&state)
            guard state.isRetired, state.lanes.allSatisfy({ $0.leases == 0 }) else { return [] }
            return state.takeAll()
        }
        for client in ending { client.shutdown { _ in } }
    }

    private func client(_ lane: Lane, uses: Int?) -> HTTPClient {
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
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
            (settings.concurrency + settings.loops.count - 1) / settings.loops.count
        configuration.maximumUsesPerConnection = uses
        configuration.tracing.tracer = nil
        let (notes, forbids) = (lane.notes, settings.forbids)
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
                try pipeline.addHandler(StreamGate(), position: .before(codec))
                try pipeline.addHandler(ExchangeGuard(note, notes, countsParts: true), position: .after(codec))
            }
        }
        return HTTPClient(eventLoopGroupProvider: .shared(lane.loop), configuration: configuration)
    }

    /// What is connected to has been looked at already; this finds what a mistake of ours, or of the library, let pass.
    private static func checkAddress(of channel: any Channel, _ forbids: (IPAddress) -> Bool) throws {
        if let remote = channel.remoteAddress.flatMap({ IPAddress($0) }), !forbids(remote) { return }
        channel.close(promise: nil)
        throw TransportFault.forbidden(channel.remoteAddress.flatMap { IPAddress($0) }.map { [$0] } ?? [])
    }
}

extension AddressClient.State {
    fileprivate mutating func takeAll() -> [HTTPClient] {
        lanes.indices.flatMap { [lanes[$0].shared.take(), lanes[$0].fresh.take()] }.compactMap { $0 }
    }
}

/// Counts the requests over one HTTP/2 connection.
private final class StreamCount: ChannelInboundHandler {
    typealias InboundIn = Any
    var streams = 0
}
