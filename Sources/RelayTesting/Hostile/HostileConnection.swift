import NIOCore
import NIOPosix

/// One connection of a ``HostileServer``, which goes through its script.
final class HostileConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: HostileServer
    private let number: Int
    private let steps: [HostileStep]
    private var next = 0
    private var input: [UInt8] = []
    /// Whether a step waits for time to pass or for bytes to go out.
    private var isBusy = false

    init(_ server: HostileServer, _ number: Int) {
        self.server = server
        self.number = number
        steps = server.steps(of: number)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        run(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What no step reads is kept no longer than it has to be.
        if next < steps.count, case .hang = steps[next] { return }
        input += unwrapInboundIn(data).readableBytesView
        run(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func run(_ context: ChannelHandlerContext) {
        while !isBusy && context.channel.isActive {
            guard next < steps.count else { return context.close(promise: nil) }
            switch steps[next] {
            case .readRequest:
                guard read(withBody: true) else { return }
                next += 1
            case .readHead:
                guard read(withBody: false) else { return }
                next += 1
            case .send(let bytes):
                next += 1
                send(bytes, context)
            case .endlessly(let bytes, let pause):
                // The step stays: it has no end.
                send(bytes, context, then: pause)
            case .pause(let duration):
                next += 1
                wait(duration, context)
            case .hang: return
            case .close: return context.close(promise: nil)
            case .reset:
                let options = context.channel as? any SocketOptionProvider
                // Lingering for no time sends RST instead of FIN.
                _ = options?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                return context.close(promise: nil)
            case .await(let gate):
                guard server.isOpen(gate) else { return wait(.milliseconds(2), context) }
                next += 1
            case .again: next = 0
            }
        }
    }

    private func wait(_ duration: Duration, _ context: ChannelHandlerContext) {
        isBusy = true
        let time = TimeAmount.nanoseconds(Int64(duration / .nanoseconds(1)))
        _ = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            self.isBusy = false
            self.run(context)
        }
    }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext, then pause: Duration = .zero) {
        isBusy = true
        let written = context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)))
        written.assumeIsolated().whenComplete { result in
            guard case .success = result else { return }
            self.server.sent(bytes.count)
            // Later, and not from within: a flood would go deeper and deeper.
            self.wait(pause, context)
        }
    }

    private func read(withBody: Bool) -> Bool {
        let blank = Array("\r\n\r\n".utf8)
        guard let end = input.firstRange(of: blank) else { return false }
        let head = String(decoding: input[..<end.lowerBound], as: UTF8.self)
        let length = HostileRequest(connection: 0, head: head, body: []).header("content-length").flatMap { Int($0) }
        let count = withBody ? length ?? 0 : 0
        guard input.count >= end.upperBound + count else { return false }
        let body = Array(input[end.upperBound..<end.upperBound + count])
        input.removeSubrange(..<(end.upperBound + count))
        server.read(HostileRequest(connection: number, head: head, body: body))
        return true
    }
}
