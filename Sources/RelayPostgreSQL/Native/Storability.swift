import Foundation
import RelayCore

/// Finds what PostgreSQL would refuse before it does, since one refused row fails its whole batch: NUL in a text
/// column, what `jsonb` cannot hold, times outside of `timestamptz`.
enum Storability {
    /// Why the record cannot be stored; nil when it can as far as is known.
    static func problem(
        of record: EventRecord, in arena: ByteArena, payloadType: NativeQueue.PayloadType
    ) -> Poison? {
        let texts: [(ByteRange, StaticString)] = [
            (record.id, "id"), (record.key, "key"), (record.topic, "topic"), (record.type, "type"),
            (record.schemaVersion, "schema version"), (record.traceparent, "trace context"),
        ]
        for (range, name) in texts where range.isPresent && containsNUL(arena[range]) {
            return Poison(.unstorable, "the event's \(name) holds a NUL character, which PostgreSQL's text cannot")
        }
        if payloadType == .jsonb, record.payloadRefusedByJSONB {
            return Poison(
                .unstorable,
                "the payload holds \\u0000, a lone surrogate or a number that jsonb cannot store; a queue with "
                    + "DESTINATION_PAYLOAD_TYPE=json can")
        }
        if record.occurredAt != .min, PGTimestamp.microseconds(record.occurredAt) == nil {
            return Poison(.unstorable, "the event's time lies outside of what PostgreSQL's timestamptz holds")
        }
        if record.deliverAfter != .min, PGTimestamp.microseconds(record.deliverAfter) == nil {
            return Poison(.unstorable, "the event's deliverAfter lies outside of what PostgreSQL's timestamptz holds")
        }
        if record.payload.length > 1_000_000_000 {
            return Poison(.tooLarge, "the payload is larger than PostgreSQL's limit of 1 GB for a value")
        }
        return nil
    }

    /// Rejects every event of `batch` that cannot be stored.
    static func check(_ batch: EventBatch, payloadType: NativeQueue.PayloadType) {
        for index in batch.records.indices where [.event, .delayed].contains(batch.records[index].outcome) {
            if let poison = problem(of: batch.records[index], in: batch.arena, payloadType: payloadType) {
                batch.reject(at: index, poison)
            }
        }
    }

    private static func containsNUL(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        return memchr(base, 0, bytes.count) != nil
    }
}
