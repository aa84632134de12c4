import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import RelayCore
import ServiceLifecycle

/// The HTTP endpoints for health, status and metrics, on one thread of their own.
///
/// Bounded whatever clients do: one request a connection, all of it within a deadline; the oldest connection
/// makes room when there are too many; headers have a size limit and bodies are never kept. Put it first among
/// a service group's services: they end in reverse, and the endpoints should answer until the pipelines have.
public struct OperationsServer: Service {
    /// What clients may take.
    struct Limits: Sendable {
        /// From the connection's start to the last byte of the answer, so that it also bounds the slow ones.
        var timeout = TimeAmount.seconds(10)
        var connections = 128
        var headerBytes = 16 * 1024
        var headerCount = 100
        /// Everything that a client may send: the request line, which has no limit of its own, and the headers.
        var inputBytes = 32 * 1024
    }

    private let host: String
    private let port: Int
    private let endpoints: Endpoints
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void
    private let limits: Limits

    /// Endpoints that show `status` and `metrics`. Nothing listens before ``run()``.
    /// - Parameters:
    ///   - host: the address or name to listen on; `::` is IPv4 and IPv6, or IPv4 where there is no IPv6.
    ///   - port: the port; 0 takes any free one.
    ///   - metrics: what `/metrics` shows beside the gauges of the status and the process.
    ///   - onListening: called once with the port when connections are accepted.
    public init(
        host: String = "::", port: Int = 9808, status: RelayStatus, metrics: PrometheusMetricsFactory? = nil,
        logger: Logger, onListening: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.init(
            host: host, port: port, status: status, metrics: metrics, logger: logger, limits: Limits(),
            onListening: onListening)
    }

    init(
        host: String, port: Int, status: RelayStatus, metrics: PrometheusMetricsFactory?, logger: Logger,
        limits: Limits, onListening: @escaping @Sendable (Int) -> Void
    ) {
        self.host = host
        self.port = port
        self.endpoints = Endpoints(status: status, metrics: metrics)
        self.logger = logger
        self.limits = limits
        self.onListening = onListening
    }

    /// Listens and answers until a graceful shutdown or cancellation.
    /// - Throws: ``RelayError`` of the kind `configuration` when it cannot listen.
    public func run() async throws {
        let host = ListenAddress.host(for: host)
        if host != self.host {
            logger.notice("IPv6 is not available here, listening on IPv4 only", metadata: ["http.host": "\(host)"])
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connections = OpenConnections(limit: limits.connections)
        let result: Result<Void, any Error>
        do {
            try await withTaskCancellationHandler {
                try await server(host: host, group: group, connections: connections).run()
            } onCancel: {
                connections.closeAll()
            }
            let isWanted = Task.isCancelled || Task.isShuttingDownGracefully
            result = isWanted ? .success(()) : .failure(Self.ended)
        } catch let error as IOError {
            result = .failure(ListenAddress.failure(host, port, errno: error.errnoCode))
        } catch let error where error is SocketAddressError || error is SocketAddressError.UnknownHost {
            result = .failure(ListenAddress.unresolved(host))
        } catch {
            result = .failure(error)
        }
        try? await group.shutdownGracefully()
        try result.get()
    }

    private func server(host: String, group: any EventLoopGroup, connections: OpenConnections) -> any Service {
        let endpoints = endpoints
        let limits = limits
        let channel = HTTP1Channel(
            responder: { request, writer, _ in
                let answer = endpoints.answer(request.method, request.uri.path)
                let body = ByteBuffer(string: answer.body)
                let head = answer.head(length: body.readableBytes, now: UTCTime.now)
                if request.method == .head {
                    try await writer.writeResponse(head)
                } else {
                    try await writer.write(response: head, body: ResponseBody(byteBuffer: body))
                }
            },
            configuration: .init(
                additionalChannelHandlers: [
                    OneRequestHandler(
                        timeout: limits.timeout, inputBytes: limits.inputBytes, connections: connections)
                ],
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                    maxHeaderFieldCount: limits.headerCount)))
        return channel.server(
            configuration: ServerConfiguration(address: .hostname(host, port: port), backlog: 128),
            onServerRunning: { channel in
                try? await channel.pipeline.addHandler(AcceptErrorHandler(logger: logger), position: .first).get()
                let bound = channel.localAddress?.port ?? port
                logger.info(
                    "HTTP endpoints are listening", metadata: ["http.host": "\(host)", "http.port": "\(bound)"])
                onListening(bound)
            },
            eventLoopGroup: group,
            logger: quietLogger)
    }

    /// The library's own lines repeat ours, describe what clients do wrong, or call a cancellation an error.
    private var quietLogger: Logger {
        var quiet = logger
        quiet.logLevel = .critical
        return quiet
    }

    private static let ended = RelayError(
        .internalFault, "The HTTP endpoints stopped listening by themselves. Start the relay again and report this.")
}
