import RelayCore

/// The headers of W3C Trace Context.
enum TraceContext {
    /// Appends `traceparent` and `tracestate` as the event has them. Text that is no header value, or too long for one,
    /// is left out: a receiver would have to ignore it, and a line break in it would be a header of its own. The
    /// attributes of the event keep it.
    static func append(_ event: OutgoingEvent, to headers: inout [(String, String)]) {
        guard isValue(event.traceparent) else { return }
        headers.append(("traceparent", String(decoding: event.traceparent, as: UTF8.self)))
        guard let state = event.tracestate, state.withUnsafeBytes(isValue) else { return }
        headers.append(("tracestate", String(decoding: state, as: UTF8.self)))
    }

    /// Visible ASCII with spaces only inside.
    private static func isValue(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first, let last = text.last, text.count <= WebhookID.longest else { return false }
        return first != 0x20 && last != 0x20 && text.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }
}
