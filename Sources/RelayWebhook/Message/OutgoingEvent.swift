import RelayCore

/// An event on its way into a request: where its fields lie, and what its `headers` say about it.
struct OutgoingEvent {
    private let batch: EventBatch
    private let record: EventRecord
    private let position: Int64
    /// The member `dataschema` of `headers`, where it is an absolute URI.
    let dataschema: [UInt8]?
    /// The member `tracestate` of `headers`, where the event has a `traceparent`.
    let tracestate: [UInt8]?

    init(_ event: EventReference, _ format: WebhookOptions.Format) {
        batch = event.batch
        record = event.record
        position = event.position
        let isTraced = record.traceparent.isPresent && record.traceparent.length > 0
        let hasAttributes = format != .standard && format != .raw
        // `{}` has no members.
        guard record.headers.isPresent, record.headers.length > 2, isTraced || hasAttributes else {
            dataschema = nil
            tracestate = nil
            return
        }
        let members = HeaderMembers(of: batch.arena[record.headers])
        tracestate = isTraced ? members.tracestate : nil
        dataschema = members.dataschema.flatMap { AbsoluteURI.isOne($0) ? $0 : nil }
    }

    // Valid while this value lives, which holds the batch.
    var id: UnsafeRawBufferPointer { bytes(record.id) }
    var type: UnsafeRawBufferPointer { bytes(record.type) }
    var payload: UnsafeRawBufferPointer { bytes(record.payload) }
    var traceparent: UnsafeRawBufferPointer { bytes(record.traceparent) }
    var isBinary: Bool { record.payloadIsBinary }
    var occurredAt: Int64 { record.occurredAt }

    /// About how many bytes its JSON takes: enough unless much has to be escaped.
    var estimatedBytes: Int {
        let payload = record.payload.isPresent ? Int(record.payload.length) : 0
        let fields = [record.id, record.type, record.topic, record.key, record.key, record.schemaVersion]
        return fields.reduce(512 + (isBinary ? (payload + 2) / 3 * 4 : payload)) {
            $0 + ($1.isPresent ? Int($1.length) : 0)
        }
    }

    private func bytes(_ range: ByteRange) -> UnsafeRawBufferPointer {
        range.isPresent ? batch.arena[range] : UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Hands out every attribute that has a value.
    @inline(__always)
    func forEachAttribute(source: [UInt8], _ body: (EventAttribute, UnsafeRawBufferPointer) -> Void) {
        func visit(_ attribute: EventAttribute, _ range: ByteRange) {
            if range.isPresent, range.length > 0 { body(attribute, batch.arena[range]) }
        }
        func visit(_ attribute: EventAttribute, _ text: StaticString) {
            body(attribute, UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
        visit(.id, record.id)
        source.withUnsafeBytes { body(.source, $0) }
        visit(.type, record.type)
        visit(.subject, record.key)
        EventTime.withText(of: record.occurredAt) { body(.time, $0) }
        visit(.datacontenttype, isBinary ? "application/octet-stream" : "application/json")
        dataschema?.withUnsafeBytes { body(.dataschema, $0) }
        visit(.topic, record.topic)
        visit(.schemaversion, record.schemaVersion)
        // What is delivered at a request has no place in the stream.
        if position > 0 { Decimal.withTwentyDigits(of: UInt64(position)) { body(.sequence, $0) } }
        visit(.partitionkey, record.key)
        visit(.traceparent, record.traceparent)
        tracestate?.withUnsafeBytes { if $0.count > 0 { body(.tracestate, $0) } }
    }
}
