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
        var handshakes = 0
        var requestCount = 0
        var sent = 0
        var gates: Set<String> = []
        var task: Task<Void, Never>?
    }

    private let state = Mutex(State())
    private let script: Script
    private let keeping: Int
    private let isSecure: Bool
    private let listener: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>

    private init(
        _ script: @escaping Script, keeping: Int, isSecure: Bool,
        _ listener: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>
    ) {
        self.script = script
        self.keeping = keeping
        self.isSecure = isSecure
        self.listener = listener
    }

    /// Starts one on a free port.
    /// - Parameters:
    ///   - host: the address that it listens on.
    ///   - tls: for TLS; nil for plain TCP.
    ///   - keeping: how many requests are kept for ``requests``.
    /// - Throws: `IOError` when the address is none of this machine.
    package static func start(
        host: String = "127.0.0.1", port: UInt16 = 0, tls: TLSConfiguration? = nil, keeping: Int = 100,
        _ script: @escaping Script
    ) async throws -> HostileServer {
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 4096)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: false)
            .bind(host: host, port: Int(port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let server = HostileServer(script, keeping: keeping, isSecure: context != nil, listener)
        let task = Task { await server.serve() }
        server.state.withLock { $0.task = task }
        return server
    }

    /// The port that it listens on.
    package var port: Int { listener.channel.localAddress?.port ?? 0 }
    /// Where it is, by address.
    package var url: String { "\(isSecure ? "https" : "http")://127.0.0.1:\(port)/hook" }
    /// Where it is, by a name.
    package func url(host: String) -> String { "\(isSecure ? "https" : "http")://\(host):\(port)/hook" }

    /// Connections so far, and those that are open.
    package var connectionCount: Int { state.withLock { $0.connections } }
    package var openCount: Int { state.withLock { $0.open.count } }
    /// Requests that were read so far, and the first of them.
    package var requestCount: Int { state.withLock { $0.requestCount } }
    package var requests: [HostileRequest] { state.withLock { $0.requests } }
    /// Bytes that were sent so far.
    package var sentBytes: Int { state.withLock { $0.sent } }

    /// Lets every ``HostileStep/await(_:)`` of this name go on, now and later.
    package func open(_ gate: String) { state.withLock { _ = $0.gates.insert(gate) } }

    /// Closes every open connection.
    package func dropAll() async {
        for channel in state.withLock({ Array($0.open.values) }) { try? await channel.close() }
    }

    /// Ends it and waits until it has.
    package func stop() async {
        let task = state.withLock { $0.task }
        task?.cancel()
        try? await listener.channel.close()
        await dropAll()
        await task?.value
    }

    // MARK: - Serving

    private func serve() async {
        try? await withThrowingDiscardingTaskGroup { group in
            try await listener.executeThenClose { connections in
                for try await connection in connections {
                    let number = state.withLock { state in
                        state.open[ObjectIdentifier(connection.channel)] = connection.channel
                        state.connections += 1
                        return state.connections - 1
                    }
                    group.addTask {
                        await self.serve(connection, number)
                        self.state.withLock { $0.open[ObjectIdentifier(connection.channel)] = nil }
                    }
                }
            }
        }
    }

    private func serve(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ number: Int) async {
        let steps = script(number)
        try? await connection.executeThenClose { inbound, outbound in
            var reader = RequestReader(inbound.makeAsyncIterator())
            var next = 0
            while next < steps.count {
                let step = steps[next]
                next += 1
                switch step {
                case .readRequest, .readHead:
                    let wantsBody = if case .readRequest = step { true } else { false }
                    guard let (head, body) = try await reader.next(wantsBody: wantsBody) else { return }
                    note(HostileRequest(connection: number, head: head, body: body))
                case .send(let bytes): try await send(bytes, outbound)
                case .endlessly(let bytes, let pause):
                    while true {
                        try await send(bytes, outbound)
                        if pause > .zero { try await Task.sleep(for: pause) }
                    }
                case .pause(let duration): try await Task.sleep(for: duration)
                case .hang:
                    while try await reader.more() {}
                    return
                case .close: return
                case .reset:
                    // Lingering for no time sends RST instead of FIN.
                    let provider = connection.channel as? any SocketOptionProvider
                    try await provider?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
                    try? await connection.channel.close()
                    return
                case .await(let gate):
                    while !state.withLock({ $0.gates.contains(gate) }) { try await Task.sleep(for: .milliseconds(2)) }
                case .again: next = 0
                }
            }
        }
    }

    private func send(_ bytes: [UInt8], _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws {
        try await outbound.write(ByteBuffer(bytes: bytes))
        state.withLock { $0.sent += bytes.count }
    }

    private func note(_ request: HostileRequest) {
        state.withLock { state in
            state.requestCount += 1
            if state.requests.count < keeping { state.requests.append(request) }
        }
    }
}

/// Finds requests in what comes over a connection.
private struct RequestReader {
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var buffer: [UInt8] = []

    init(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator) { self.inbound = inbound }

    /// Reads on; false at the end.
    mutating func more() async throws -> Bool {
        guard let bytes = try await inbound.next() else { return false }
        buffer += bytes.readableBytesView
        return true
    }

    mutating func next(wantsBody: Bool) async throws -> (head: String, body: [UInt8])? {
        let blank = Array("\r\n\r\n".utf8)
        while true {
            if let end = buffer.firstRange(of: blank) {
                let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
                buffer.removeSubrange(..<end.upperBound)
                guard wantsBody else { return (head, []) }
                let length = HostileRequest(connection: 0, head: head, body: []).header("content-length")
                let count = length.flatMap { Int($0) } ?? 0
                while buffer.count < count { if !(try await more()) { return nil } }
                defer { buffer.removeSubrange(..<count) }
                return (head, Array(buffer[..<count]))
            }
            if !(try await more()) { return nil }
        }
    }
}
