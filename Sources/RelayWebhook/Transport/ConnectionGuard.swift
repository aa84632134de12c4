import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// What is known of a connection, for the exchanges over it; touched on its event loop only.
final class ConnectionNote: @unchecked Sendable {
    // @unchecked: see above; handlers, exchanges and their callbacks all run on the one loop of an endpoint.

    /// Exchanges that were begun over it.
    var exchanges = 0
    /// Bytes, or for HTTP/2 parts, that came since the last one was begun.
    var received = 0
    /// Whether the final answer's headers are complete.
    var isAnswered = false
    /// The exchange under way, from its request on until its answer's headers were read.
    var exchange: HTTPExchange?
}

/// Which connection wrote last; touched on the endpoint's event loop only.
///
/// async-http-client does not tell which connection it gave to a request. But it writes a request's head and then calls
/// the request's delegate, in one go and on one loop.
final class LoopNotes: @unchecked Sendable {
    // @unchecked: see above.
    var lastWriter: ConnectionNote?
}

/// Bounds what a receiver may send over an HTTP/1 connection; sits before the decoder, whose own bound is 2 MiB.
final class InboundLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Bytes of one answer's headers, those of 1xx answers before it included, and of an answer as a whole: headers,
    /// chunk sizes, body and trailers.
    static let mostHeaderBytes = 64 << 10
    static let mostBytes = 256 << 10

    private let note: ConnectionNote
    private var hasFailed = false

    init(_ note: ConnectionNote) { self.note = note }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasFailed else { return }
        note.received += unwrapInboundIn(data).readableBytes
        context.fireChannelRead(data)
        guard note.received > (note.isAnswered ? Self.mostBytes : Self.mostHeaderBytes) else { return }
        hasFailed = true
        context.fireErrorCaught(note.isAnswered ? TransportFault.answerTooLarge : TransportFault.headersTooLarge)
        context.close(promise: nil)
    }
}

/// Lets only answers pass that HTTP/2 allows; sits before the codec of each stream.
///
/// The codec traps at a status below zero, and async-http-client at a stream that ends with an answer of 1xx: a receiver
/// could end the process with either.
final class StreamGate: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload

    private var isAnswered = false
    private var hasFailed = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if hasFailed { return }
        switch unwrapInboundIn(data) {
        case .headers(let headers) where !isAnswered:
            guard let status = Self.status(headers.headers), status != 101, status >= 200 || !headers.endStream else {
                return fail(context)
            }
            isAnswered = status >= 200
        case .data where !isAnswered: return fail(context)
        default: break
        }
        context.fireChannelRead(data)
    }

    private func fail(_ context: ChannelHandlerContext) {
        hasFailed = true
        context.fireErrorCaught(TransportFault.invalidStatus)
        context.close(promise: nil)
    }

    /// A status of three digits; nil for anything else.
    private static func status(_ headers: HPACKHeaders) -> Int? {
        guard let text = headers.first(name: ":status"), text.utf8.count == 3,
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let status = Int(text), status >= 100
        else { return nil }
        return status
    }
}

/// Notes what goes over a connection, and sends a request's head and body in one packet instead of two; sits between
/// the codec and async-http-client.
final class ExchangeGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    private let note: ConnectionNote
    private let notes: LoopNotes
    /// Whether parts are expected: HTTP/1 counts bytes in ``InboundLimit``.
    private let countsParts: Bool
    private var holdsBack = false

    init(_ note: ConnectionNote, _ notes: LoopNotes, countsParts: Bool) {
        self.note = note
        self.notes = notes
        self.countsParts = countsParts
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head:
            note.exchanges += 1
            note.received = 0
            note.isAnswered = false
            notes.lastWriter = note
            holdsBack = true
        case .body: break
        case .end: holdsBack = false
        }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        // A body that fills the channel's buffer has to go before the rest is asked for.
        if holdsBack && context.channel.isWritable { return }
        context.flush()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if holdsBack && !context.channel.isWritable { context.flush() }
        context.fireChannelWritabilityChanged()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data), head.status.code >= 200 { note.isAnswered = true }
        if countsParts { note.received += 1 }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        if note.isAnswered { note.exchange.take()?.headWasRead() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        note.exchange = nil
        context.fireChannelInactive()
    }
}
