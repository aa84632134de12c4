import NIOCore
import NIOHTTP1
import RelayCore

/// Makes the request of one attempt: its body in the destination's format, its headers and its signatures.
///
/// A pure function of events, reason and time, so that every attempt of an event differs in `webhook-timestamp` and
/// `webhook-signature` only. Everything that does not depend on the event is prepared once; fields are copied from the
/// batch's arena straight into the body. Can be used from many tasks at once.
package struct MessageEncoder: Sendable {
    let format: WebhookOptions.Format
    /// The attribute `source`.
    let source: [UInt8]
    private let userAgent: String
    private let extraHeaders: [(String, String)]
    private let signer: MessageSigner
    private let compressor: GzipCompressor?

    /// Bodies below this many bytes are not compressed: one packet takes them as they are.
    static let compressionThreshold = 1024

    /// An encoder for a destination.
    /// - Throws: ``RelayError`` with ``RelayError/Code/configuration`` for a secret or a header that cannot be used.
    ///   The message does not hold it.
    package init(_ options: WebhookOptions) throws(RelayError) {
        format = options.format
        source = Array(options.eventSource.utf8)
        userAgent = "outbox-relay/\(options.version)"
        signer = try MessageSigner(options.secrets, destination: options.destination)
        extraHeaders = try ExtraHeaders.usable(options.headers, with: format, destination: options.destination)
        compressor = options.compresses ? GzipCompressor() : nil
    }

    /// The request that delivers `events`.
    /// - Parameters:
    ///   - events: one event, or several where the format is `cloudevents-batch`.
    ///   - redelivery: why it is delivered out of order (`retry`, `replay`, `delayed`); nil in its turn.
    ///   - unixSeconds: when the attempt is made.
    /// - Throws: ``RelayError`` with ``RelayError/Code/internalFault`` when it cannot be signed, which only happens
    ///   when the process is out of memory.
    package func encode(
        _ events: [EventReference], redelivery: String?, at unixSeconds: Int64
    ) throws(RelayError) -> WebhookMessage {
        precondition(events.count == 1 || (format == .cloudeventsBatch && !events.isEmpty))
        // Pointers into their batches are used up to the end.
        defer { withExtendedLifetime(events) {} }
        let outgoing = events.map { OutgoingEvent($0, format) }
        let first = outgoing[0]
        let id = format == .cloudeventsBatch ? WebhookID.batch(outgoing) : WebhookID.single(first.id)
        let timestamp = String(unixSeconds)
        var body = self.body(outgoing)
        var isCompressed = false
        if let compressor, body.readableBytes >= Self.compressionThreshold, let smaller = compressor.compress(body) {
            body = smaller
            isCompressed = true
        }

        var headers: [(String, String)] = []
        headers.reserveCapacity(24 + extraHeaders.count)
        headers.append(("webhook-id", id))
        headers.append(("webhook-timestamp", timestamp))
        if let signatures = try signer.sign(id: id, timestamp: timestamp, body: body) {
            headers.append(("webhook-signature", signatures))
        }
        headers.append(("content-type", contentType(of: first)))
        if isCompressed { headers.append(("content-encoding", "gzip")) }
        headers.append(("user-agent", userAgent))
        if outgoing.count == 1 { TraceContext.append(first, to: &headers) }
        if let redelivery { headers.append(("outbox-relay-redelivery", redelivery)) }
        if format == .cloudeventsBinary { appendAttributes(of: first, to: &headers) }
        headers.append(contentsOf: extraHeaders)
        return WebhookMessage(body: body, headers: HTTPHeaders(headers))
    }
}
