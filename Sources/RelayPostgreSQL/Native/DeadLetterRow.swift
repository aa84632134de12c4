import RelayCore

extension EventRecord {
    /// The event in a row of `dead_letters`, appended to `arena`: its texts as the columns hold them, the payload from
    /// hexadecimal digits.
    init(deadLetterIn rows: PGRows, _ row: Int, appendingTo arena: ByteArena) {
        func range(_ column: String) -> ByteRange { rows[row, column].map { arena.appended($0) } ?? .none }
        self.init()
        id = range("event_id")
        topic = range("topic")
        type = range("type")
        key = range("key")
        headers = range("headers")
        schemaVersion = range("schema_version")
        traceparent = range("traceparent")
        occurredAt = rows[row, "occurred_at"].flatMap { Int64($0) } ?? .min
        payload = rows[row, "payload"].flatMap(NativeQueue.bytes).map { arena.appended($0) } ?? .none
    }
}
