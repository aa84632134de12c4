import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server on 127.0.0.1 that answers byte by byte what a test scripts, HTTP or not.
///
///     let server = try await HostileServer.start { _ in [.readRequest, .answer(200), .again] }
///     … server.url …
///     await server.stop()
package final class HostileServer: Sendable {
    /// What is done with each connection; called with its number, from 0.
    package typealias Script = @Sendable (_ connection: Int) -> [HostileStep]

    private struct State {
        var open: [ObjectIdentifier: any Channel] = [:]
        var requests: [HostileRequest] = []
        var connections = 0
        var requestCount = 0
        var sent = 0
        var gates: Set<String> = []
        var listener: (any Channel)?
    }

    private let state = Mutex(State())
    private let script: Script
    private let keeping: Int
    private let isSecure: Bool
    private let host: String

    /// Not the threads of what is tested, which a server that floods would slow down.
    static let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private init(_ script: @escaping Script, keeping: Int, isSecure: Bool, host: String) {
        self.script = script
        self.keeping = keeping
        self.isSecure = isSecure
        self.host = host
    }

    /// Starts one.
    /// - Parameters:
    ///   - host: the address that it listens on.
    ///   - port: 0 for a free one.
    ///   - tls: for TLS; nil for plain TCP.
    ///   - keeping: how many requests are kept for ``requests``.
    /// - Throws: `IOError` when the address is none of this machine, or the port is taken.
    package static func start(
        host: String = "127.0.0.1", port: Int = 0, tls: TLSConfiguration? = nil, keeping: Int = 100,
        _ script: @escaping Script
    ) async throws -> HostileServer {
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let server = HostileServer(script, keeping: keeping, isSecure: context != nil, host: host)
        let listener = try await ServerBootstrap(group: threads)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 4096)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.addHandler(HostileConnection(server, server.opened(channel)))
                }
            }
            .bind(host: host, port: port).get()
        server.state.withLock { $0.listener = listener }
        return server
    }

    /// The port that it listens on.
    package var port: Int { state.withLock { $0.listener?.localAddress?.port ?? 0 } }
    /// Where it is, by address.
    package var url: String { url(host: host.contains(":") ? "[\(host)]" : host) }
    /// Where it is, by a name.
    package func url(host: String) -> String { "\(isSecure ? "https" : "http")://\(host):\(port)/hook" }

    /// Connections so far, and those that are open.
    package var connectionCount: Int { state.withLock { $0.connections } }
    package var openCount: Int { state.withLock { $0.open.count } }
    /// Requests that were read so far, and the first of them.
    package var requestCount: Int { state.withLock { $0.requestCount } }
    package var requests: [HostileRequest] { state.withLock { $0.requests } }
    /// Bytes that the kernel took so far.
    package var sentBytes: Int { state.withLock { $0.sent } }

    /// Lets every ``HostileStep/await(_:)`` of this name go on, now and later.
    package func open(_ gate: String) { state.withLock { _ = $0.gates.insert(gate) } }

    /// Closes every open connection, and waits until they are.
    package func dropAll() async {
        for channel in state.withLock({ Array($0.open.values) }) { try? await channel.close() }
    }

    /// Ends it and waits until it has.
    package func stop() async {
        try? await state.withLock { $0.listener }?.close()
        await dropAll()
    }

    // MARK: - What connections report

    private func opened(_ channel: any Channel) -> Int {
        let id = ObjectIdentifier(channel)
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.open[id] = nil } }
        return state.withLock { state in
            state.open[id] = channel
            state.connections += 1
            return state.connections - 1
        }
    }

    func steps(of connection: Int) -> [HostileStep] { script(connection) }
    func isOpen(_ gate: String) -> Bool { state.withLock { $0.gates.contains(gate) } }
    func sent(_ count: Int) { state.withLock { $0.sent += count } }

    func read(_ request: HostileRequest) {
        state.withLock { state in
            state.requestCount += 1
            if state.requests.count < keeping { state.requests.append(request) }
        }
    }
}
