import Glibc
import Logging
import NIOCore

/// Keeps the listener alive when accepting a connection fails. Without it one failed `accept`, because a client
/// gave up or the process is out of file descriptors, would end the server.
final class AcceptErrorHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = Channel

    /// How long nothing is accepted after the process ran out of something: at once, `accept` would fail again,
    /// and spin.
    static let pause = TimeAmount.seconds(1)

    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (error as? IOError)?.errnoCode {
        case ECONNABORTED: break
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            logger.warning(
                "HTTP endpoints cannot accept a connection, trying again in a second", metadata: ["error": "\(error)"])
            let channel = context.channel
            channel.setOption(.autoRead, value: false).whenComplete { _ in
                channel.eventLoop.scheduleTask(in: Self.pause) {
                    channel.setOption(.autoRead, value: true).whenComplete { _ in }
                }
            }
        default: context.fireErrorCaught(error)
        }
    }
}
