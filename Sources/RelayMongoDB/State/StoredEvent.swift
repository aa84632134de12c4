import RelayCore

/// An event as documents hold it: readable in `mongosh`, and the same bytes when it is read again.
///
/// Text is a string, a binary payload is binary data, times are dates. A field that is too large for a document with
/// others lies in chunks (``EventChunks``), with all other large ones.
enum StoredEvent {
    /// The largest field that is kept in the document itself, in bytes: ten of them fit into 16 MiB.
    static let largestField = 1 << 20

    /// Appends the fields of `event`, but for those larger than `largestField`.
    /// - Returns: the fields that are too large, as the bytes of a document of their own; nil when there are none.
    static func append(
        _ event: EventReference, to writer: inout BSONWriter, largestField: Int = largestField
    ) -> [UInt8]? {
        let record = event.record
        var large: BSONWriter?
        for name in names {
            guard let field = field(name), let bytes = event.bytes(field) else { continue }
            let isBinary = name == "document" || (name == "payload" && record.payloadIsBinary)
            if bytes.count <= largestField {
                writer.append(name, event: bytes, isBinary: isBinary)
            } else if name != "documentText" || record.document == .none {
                // A large text is made anew of the document, when a person wants to see it.
                var others = large.take() ?? BSONWriter(capacity: bytes.count + 1024)
                others.append(name, event: bytes, isBinary: isBinary)
                large = others
            }
        }
        if record.occurredAt != .min { writer.append("occurredAt", date: record.occurredAt) }
        if record.committedAt != .min { writer.append("committedAt", date: record.committedAt) }
        return large?.finish().bytes
    }

    /// Reads an event.
    /// - Parameters:
    ///   - view: the document.
    ///   - large: the document made of its chunks, where it has any.
    static func read(_ view: BSONView, large: BSONDocument?, position: Int64) throws -> EventReference {
        let batch = EventBatch(end: Checkpoint(), capacity: view.bytes.count + (large?.bytes.count ?? 0))
        var record = EventRecord()
        try read(view, into: &record, of: batch)
        try large?.withView { try read($0, into: &record, of: batch) }
        batch.append(record)
        return EventReference(batch, index: 0, position: position)
    }

    /// A text field, for people and for comparison; what is not UTF-8 is repaired.
    static func text(_ value: BSONRawValue) -> String? {
        (value.utf8 ?? value.binary(damagedText)).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func read(_ view: BSONView, into record: inout EventRecord, of batch: EventBatch) throws {
        var elements = view.elements
        while let element = try elements.next() {
            let name = element.name
            let value = element.value
            if let field = field(name), let bytes = value.utf8 ?? value.binary?.bytes {
                record[keyPath: field] = ByteRange(offset: batch.arena.count, length: bytes.count)
                batch.arena.append(bytes)
                if name == "payload" { record.payloadIsBinary = value.binary?.subtype == 0 }
            } else if name == "occurredAt", let date = value.date {
                record.occurredAt = date
            } else if name == "committedAt", let date = value.date {
                record.committedAt = date
            }
        }
    }

    /// What the fields are called, in the order in which people read them.
    private static let names = [
        "eventId", "type", "topic", "key", "payload", "headers", "schemaVersion", "traceparent", "document",
        "documentText",
    ]

    private static func field(_ name: String) -> WritableKeyPath<EventRecord, ByteRange>? {
        switch name {
        case "eventId": \.id
        case "type": \.type
        case "topic": \.topic
        case "key": \.key
        case "payload": \.payload
        case "headers": \.headers
        case "schemaVersion": \.schemaVersion
        case "traceparent": \.traceparent
        case "document": \.document
        case "documentText": \.documentText
        default: nil
        }
    }

    /// Binary data of this subtype is text that is not valid UTF-8, as it came.
    fileprivate static let damagedText: UInt8 = 0x80
}

extension BSONWriter {
    /// Appends bytes as text: a string, or binary data of a subtype of its own where they are not valid UTF-8.
    mutating func append(_ name: String, text bytes: UnsafeRawBufferPointer) {
        if let base = bytes.baseAddress, UTF8Check.firstInvalid(from: base, to: base + bytes.count) != nil {
            append(name, binary: bytes, subtype: StoredEvent.damagedText)
            return
        }
        header(.string, name)
        append(number: Int32(bytes.count + 1))
        append(raw: bytes)
        append(number: UInt8(0))
    }

    fileprivate mutating func append(_ name: String, event bytes: UnsafeRawBufferPointer, isBinary: Bool) {
        if isBinary { append(name, binary: bytes) } else { append(name, text: bytes) }
    }
}
