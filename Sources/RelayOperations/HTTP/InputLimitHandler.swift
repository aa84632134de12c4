import NIOCore

/// Bounds the bytes that a connection may send. The HTTP parser limits header fields but collects a request
/// line of any length.
///
/// A client that goes beyond before its request is complete is cut off; a body that goes beyond is thrown away,
/// so that the client can still read its answer.
final class InputLimitHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var left: Int
    private let hasRequest: () -> Bool

    /// - Parameters:
    ///   - bytes: what may be sent.
    ///   - hasRequest: whether the request's head has been read; called on the event loop.
    init(bytes: Int, hasRequest: @escaping () -> Bool) {
        left = bytes
        self.hasRequest = hasRequest
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let count = unwrapInboundIn(data).readableBytes
        guard count > left else {
            left -= count
            return context.fireChannelRead(data)
        }
        left = 0
        if !hasRequest() { context.close(promise: nil) }
    }
}
