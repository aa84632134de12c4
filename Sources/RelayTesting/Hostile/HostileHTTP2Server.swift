import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// A server on 127.0.0.1 that speaks HTTP/2 over TLS and does frame by frame what a test scripts.
package final class HostileHTTP2Server: Sendable {
    /// What is done with each request; called with the connection's number and the request's on it, both from 0.
    package typealias Script = @Sendable (_ connection: Int, _ request: Int) -> [HostileStream]

    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var connections = 0
        var requests = 0
        var listener: (any Channel)?
    }

    private let state = Mutex(State())
    private let script: Script

    private init(_ script: @escaping Script) { self.script = script }

    /// Starts one on a free port.
    package static func start(
        _ identity: TestCertificates.Identity, maxStreams: Int = 100, _ script: @escaping Script
    ) async throws -> HostileHTTP2Server {
        let server = HostileHTTP2Server(script)
        let context = try NIOSSLContext(configuration: identity.server(protocols: ["h2"]))
        let listener = try await ServerBootstrap(group: HostileServer.threads)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(NIOSSLServerHandler(context: context))
                    let settings =
                        nioDefaultSettings + [
                            HTTP2Setting(parameter: .maxConcurrentStreams, value: maxStreams)
                        ]
                    try pipeline.addHandler(NIOHTTP2Handler(mode: .server, initialSettings: settings))
                    try pipeline.addHandler(HostileFrames(server, server.opened(channel)))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        server.state.withLock { $0.listener = listener }
        return server
    }

    /// Where it is.
    package var url: String {
        "https://localhost:\(state.withLock { $0.listener?.localAddress?.port ?? 0 })/hook"
    }
    /// Connections and requests so far, and connections that are open.
    package var connectionCount: Int { state.withLock { $0.connections } }
    package var requestCount: Int { state.withLock { $0.requests } }
    package var openCount: Int { state.withLock { $0.open.count } }

    /// Ends it.
    package func stop() async {
        let (listener, open) = state.withLock { ($0.listener, Array($0.open.values)) }
        try? await listener?.close()
        for channel in open { try? await channel.close() }
    }

    private func opened(_ channel: any Channel) -> Int {
        let id = ObjectIdentifier(channel)
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.open[id] = nil } }
        return state.withLock { state in
            state.open[id] = channel
            state.connections += 1
            return state.connections - 1
        }
    }

    fileprivate func steps(_ connection: Int, _ request: Int) -> [HostileStream] {
        state.withLock { $0.requests += 1 }
        return script(connection, request)
    }
}

/// The streams of one connection.
private final class HostileFrames: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    typealias OutboundOut = HTTP2Frame

    private let server: HostileHTTP2Server
    private let connection: Int
    private var requests = 0
    private var open: Set<HTTP2StreamID> = []

    init(_ server: HostileHTTP2Server, _ connection: Int) {
        self.server = server
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let headers):
            open.insert(frame.streamID)
            if headers.endStream { answer(frame.streamID, context) }
        case .data(let data):
            if data.endStream { answer(frame.streamID, context) }
        case .rstStream: open.remove(frame.streamID)
        default: break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let closed = event as? StreamClosedEvent { open.remove(closed.streamID) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ stream: HTTP2StreamID, _ context: ChannelHandlerContext) {
        let steps = server.steps(connection, requests)
        requests += 1
        run(steps[...], stream, context)
    }

    private func run(_ steps: ArraySlice<HostileStream>, _ stream: HTTP2StreamID, _ context: ChannelHandlerContext) {
        guard let step = steps.first, context.channel.isActive else { return }
        var rest = steps.dropFirst()
        var wait = TimeAmount.zero
        switch step {
        case .head(let status, let fields, let end):
            var headers = HPACKHeaders([(":status", "\(status)")])
            for (name, value) in fields { headers.add(name: name, value: value) }
            write(.headers(.init(headers: headers, endStream: end)), stream, context)
        case .trailers(let fields):
            write(.headers(.init(headers: HPACKHeaders(fields), endStream: true)), stream, context)
        case .data(let bytes, let end):
            write(.data(.init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: end)), stream, context)
        case .endlessly(let bytes):
            guard open.contains(stream) else { return }
            if context.channel.isWritable {
                write(.data(.init(data: .byteBuffer(ByteBuffer(bytes: bytes)))), stream, context)
            }
            rest = steps
            wait = .milliseconds(1)
        case .reset(let code): write(.rstStream(HTTP2ErrorCode(networkCode: code)), stream, context)
        case .goAway(let last):
            let last = last.map { HTTP2StreamID($0) } ?? stream
            let payload = HTTP2Frame.FramePayload.goAway(lastStreamID: last, errorCode: .noError, opaqueData: nil)
            write(payload, .rootStream, context)
        case .pause(let duration): wait = .nanoseconds(Int64(duration / .nanoseconds(1)))
        case .close:
            context.close(promise: nil)
            return
        case .hang: return
        }
        if wait == .zero { return run(rest, stream, context) }
        let next = rest
        _ = context.eventLoop.assumeIsolated().scheduleTask(in: wait) { self.run(next, stream, context) }
    }

    private func write(
        _ payload: HTTP2Frame.FramePayload, _ stream: HTTP2StreamID, _ context: ChannelHandlerContext
    ) {
        context.writeAndFlush(wrapOutboundOut(HTTP2Frame(streamID: stream, payload: payload)), promise: nil)
    }
}
