import NIOCore
import NIOHTTPTypes

/// Gives each connection one request and a deadline for all of it.
///
/// Probes and scrapes are short and rare, so nothing is lost by a connection each, and every way in which a
/// client can be slow (its header, its body, reading the answer, pipelining) ends at the same deadline.
final class OneRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// How long a client has after the answer to close, before we do.
    private static let linger = TimeAmount.seconds(1)

    private let timeout: TimeAmount
    private let inputBytes: Int
    private let connections: OpenConnections
    private var deadline: Scheduled<Void>?
    private var hasRequest = false
    private var isAnswered = false
    private var isInputClosed = false

    init(timeout: TimeAmount, inputBytes: Int, connections: OpenConnections) {
        self.timeout = timeout
        self.inputBytes = inputBytes
        self.connections = connections
    }

    func handlerAdded(context: ChannelHandlerContext) {
        // Ahead of the parser, which only a position in the pipeline can give.
        let limit = InputLimitHandler(bytes: inputBytes) { [unowned self] in hasRequest }
        do {
            try context.pipeline.syncOperations.addHandler(limit, position: .first)
        } catch {
            context.close(promise: nil)
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        connections.opened(context.channel)
        close(context, in: timeout)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        connections.closed(context.channel)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            guard !hasRequest else { return }
            hasRequest = true
            context.fireChannelRead(data)
        // No endpoint has a use for a body, and dropped here it takes no memory.
        case .body: return
        case .end:
            guard !isAnswered else { return }
            context.fireChannelRead(data)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        let promise = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        promise.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.answered(context)
        }
        context.write(data, promise: promise)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event {
            isInputClosed = true
            if isAnswered { return context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Ends our half first and waits for the client's: closing at once while it still sends would reset the
    /// connection, and could take the answer away from it.
    private func answered(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        isAnswered = true
        guard !isInputClosed else { return context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        close(context, in: Self.linger)
    }

    private func close(_ context: ChannelHandlerContext, in delay: TimeAmount) {
        deadline?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: delay) {
            bound.value.close(promise: nil)
        }
    }
}
