extension EventReference {
    /// The same event in a batch of its own: what a store keeps of it, or hands out again.
    package func copied() -> EventReference {
        let copy = EventBatch(end: Checkpoint(), capacity: byteCount)
        var record = EventRecord()
        record.payloadIsBinary = self.record.payloadIsBinary
        record.occurredAt = self.record.occurredAt
        record.committedAt = self.record.committedAt
        for field in Self.fields {
            guard let bytes = bytes(field) else { continue }
            record[keyPath: field] = ByteRange(offset: copy.arena.count, length: bytes.count)
            copy.arena.append(bytes)
        }
        copy.append(record)
        return EventReference(copy, index: 0, position: position)
    }

    /// Whether it is an event that can be delivered, not the record of a document that is none.
    package var isWhole: Bool {
        [\EventRecord.id, \.topic, \.type, \.key, \.payload].allSatisfy { bytes($0) != nil }
    }

    /// Whether both are the same event, byte by byte.
    package func isSame(as other: EventReference) -> Bool {
        position == other.position && record.payloadIsBinary == other.record.payloadIsBinary
            && record.occurredAt == other.record.occurredAt && record.committedAt == other.record.committedAt
            && Self.fields.allSatisfy { bytes($0).map(Array.init) == other.bytes($0).map(Array.init) }
    }

    private static var fields: [WritableKeyPath<EventRecord, ByteRange>] {
        [
            \.id, \.topic, \.type, \.key, \.payload, \.headers, \.schemaVersion, \.traceparent, \.document,
            \.documentText,
        ]
    }
}
