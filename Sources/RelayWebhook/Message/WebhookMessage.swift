import NIOCore
import NIOHTTP1

/// One request to a webhook as it goes over the wire, but for what the connection adds (`host`, `content-length`,
/// `authorization`).
package struct WebhookMessage: Sendable {
    /// The bytes that are sent, compressed where they are: what the signature covers.
    package var body: ByteBuffer
    package var headers: HTTPHeaders
}
