import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One connection of a ``WebhookReceiver``.
final class ReceiverHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let script: ReceiverScript
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    /// The request that waits for its answer.
    private var open: WebhookRecord.Ticket?
    /// No body that the relay can make is larger.
    private static let largestBody = 64 << 20

    init(_ script: ReceiverScript) { self.script = script }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear(minimumCapacity: head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0)
        case .body(var part):
            if body.readableBytes + part.readableBytes > Self.largestBody { return context.close(promise: nil) }
            body.writeBuffer(&part)
        case .end:
            guard let head else { return }
            self.head = nil
            if head.uri.hasPrefix("/token") {
                let fields = head.headers
                let answer = script.tokens.answer(
                    authorization: fields.first(name: "authorization"), contentType: fields.first(name: "content-type"),
                    form: String(buffer: body))
                return send(answer, head, context)
            }
            let (ticket, answer) = script.answer(head, body)
            open = ticket
            send(answer, head, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        settle(nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func settle(_ status: Int?) {
        guard let ticket = open else { return }
        open = nil
        script.record.answer(ticket, status)
    }

    private func send(_ answer: ReceiverAnswer, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        switch answer {
        case .hang: break
        case .reset:
            settle(nil)
            let options = context.channel as? any SocketOptionProvider
            // Lingering for no time sends RST instead of FIN.
            _ = options?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            context.close(promise: nil)
        case .late(let duration, let status):
            let time = TimeAmount.nanoseconds(Int64(duration / .nanoseconds(1)))
            _ = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
                guard context.channel.isActive else { return }
                self.send(.status(status), head, context)
            }
        case .status(let status, let fields, let text):
            // Before it is sent: what the relay has read is counted.
            settle(status)
            var headers = HTTPHeaders(fields)
            let content = ByteBuffer(string: text)
            headers.replaceOrAdd(name: "content-length", value: "\(content.readableBytes)")
            if !head.isKeepAlive { headers.replaceOrAdd(name: "connection", value: "close") }
            let answer = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
            context.write(wrapOutboundOut(.head(answer)), promise: nil)
            if content.readableBytes > 0 {
                context.write(wrapOutboundOut(.body(.byteBuffer(content))), promise: nil)
            }
            let isKept = head.isKeepAlive
            let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
            if !isKept { end.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
        }
    }
}

/// What the connections of a receiver share: how to answer, and what to remember.
final class ReceiverScript: Sendable {
    let record: WebhookRecord
    let tokens = TokenEndpoint()
    private let verifier: SignatureVerifier
    private let behaviours = Mutex<[Behaviour]>([])
    private let kept: Mutex<(limit: Int, requests: [ReceivedRequest])>

    init(verifier: SignatureVerifier, keeping limit: Int, remembering deliveries: Int) {
        self.verifier = verifier
        record = WebhookRecord(limit: deliveries)
        kept = Mutex((limit, []))
    }

    /// The first requests, whole, as many as are to be kept.
    var requests: [ReceivedRequest] { kept.withLock { $0.requests } }

    func behave(_ rules: [Behaviour]) { behaviours.withLock { $0 = rules } }

    /// Notes a request and decides on the answer.
    func answer(_ head: HTTPRequestHead, _ body: ByteBuffer) -> (WebhookRecord.Ticket, ReceiverAnswer) {
        let now = ContinuousClock.now
        let (events, flaw) = ReceivedEvent.all(head, body)
        let id = head.headers.first(name: "webhook-id") ?? ""
        let problem = body.withUnsafeReadableBytes { bytes in
            verifier.problem(
                id: id, timestamp: head.headers.first(name: "webhook-timestamp"),
                signatures: head.headers.first(name: "webhook-signature"), body: bytes,
                now: Int64(Date().timeIntervalSince1970))
        }
        if let problem { record.rejectSignature("\(problem) (event \(id))") }
        let ticket = record.arrive(
            events, redelivery: head.headers.first(name: "outbox-relay-redelivery"),
            flaw: head.method == .POST ? flaw : "\(head.method) instead of POST", at: now)
        let request = ReceivedRequest(
            head: head, content: body, id: id, events: events, attempt: ticket.attempt, at: now)
        kept.withLock { kept in
            if kept.requests.count < kept.limit { kept.requests.append(request) }
        }
        for behaviour in behaviours.withLock({ $0 }) {
            if let answer = behaviour.answer(to: request) { return (ticket, answer) }
        }
        return (ticket, .accepted)
    }
}
