import RelayCore

/// The rows of a batch in the two forms PostgreSQL takes them: `COPY` in binary format where a backlog makes
/// batches large, arrays for `unnest` otherwise, which need one round trip for the whole transaction.
struct EventRows {
    let stream: Int
    let firstPosition: Int64
    let payloadType: NativeQueue.PayloadType

    /// The columns, in the order of both forms. `enqueued_at` is the transaction's time by default.
    static let columns =
        "stream, position, slot, event_id, topic, type, key, headers, payload, schema_version, occurred_at, traceparent"

    private static let emptyHeaders: StaticString = "{}"

    /// Writes the events of `batch` as a `COPY` stream.
    func writeCopy(_ batch: EventBatch, to out: ByteArena) {
        out.append("PGCOPY\n")
        out.append(0xFF)
        out.append("\r\n")
        out.append(0)
        out.append(bigEndian: Int32(0))
        out.append(bigEndian: Int32(0))
        let arena = batch.arena
        var position = firstPosition
        for record in batch.records where record.outcome == .event {
            out.append(bigEndian: Int16(12))
            out.append(bigEndian: Int32(4))
            out.append(bigEndian: Int32(stream))
            out.append(bigEndian: Int32(8))
            out.append(bigEndian: position)
            out.append(bigEndian: Int32(2))
            out.append(bigEndian: KeySlot.slot(of: arena[record.key]))
            out.append(field: arena[record.id])
            out.append(field: arena[record.topic])
            out.append(field: arena[record.type])
            out.append(field: arena[record.key])
            out.append(jsonb: Self.headers(of: record, in: arena))
            appendPayload(arena[record.payload], to: out)
            out.append(field: Self.optional(record.schemaVersion, in: arena))
            Self.append(time: record.occurredAt, to: out)
            out.append(field: Self.optional(record.traceparent, in: arena))
            position += 1
        }
        out.append(bigEndian: Int16(-1))
    }

    /// The statement that inserts the events at `indices` of `batch`.
    func insert(_ batch: EventBatch, _ indices: [Int], schema: String) -> PGStatement {
        PGStatement(
            """
            INSERT INTO \(schema).events (\(Self.columns))
            SELECT $1::int, $2::bigint + n - 1, a, b, c, d, e, f, g, h, i, j
            FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12) WITH ORDINALITY AS t(a, b, c, d, e, f, g, h, i, j, n)
            """,
            [PGParameter(stream), PGParameter(firstPosition)]
                + arrays(batch, indices) { record, arena, out in
                    out.append(bigEndian: Int32(2))
                    out.append(bigEndian: KeySlot.slot(of: arena[record.key]))
                })
    }

    /// The statement that keeps the events at `indices` of `batch` until they are due.
    func delay(_ batch: EventBatch, _ indices: [Int], pipeline: String, schema: String) -> PGStatement {
        PGStatement(
            """
            INSERT INTO \(schema).delayed (pipeline, due, event_id, topic, type, key, headers, payload, schema_version,
                occurred_at, traceparent)
            SELECT $1, a, b, c, d, e, f, g, h, i, j
            FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS t(a, b, c, d, e, f, g, h, i, j)
            """,
            [.text(pipeline)]
                + arrays(batch, indices, first: (PGType.timestamptz, PGType.timestamptzArray)) { record, _, out in
                    Self.append(time: record.deliverAfter, to: out)
                })
    }

    /// Ten arrays for `unnest`: one that `first` fills, and the nine of what an event consists of.
    private func arrays(
        _ batch: EventBatch, _ indices: [Int], first types: (UInt32, UInt32) = (PGType.int2, PGType.int2Array),
        _ first: (EventRecord, ByteArena, ByteArena) -> Void
    ) -> [PGParameter] {
        let arena = batch.arena
        let records = indices.map { batch.records[$0] }
        func column(_ type: UInt32, _ arrayType: UInt32, _ append: (EventRecord, ByteArena) -> Void) -> PGParameter {
            let out = ByteArena(capacity: 20 + records.count * 24)
            out.append(bigEndian: Int32(records.isEmpty ? 0 : 1))
            out.append(bigEndian: Int32(1))
            out.append(bigEndian: type)
            if !records.isEmpty {
                out.append(bigEndian: Int32(records.count))
                out.append(bigEndian: Int32(1))
            }
            for record in records { append(record, out) }
            return .binary(arrayType, Array(out.bytes))
        }
        func text(_ field: @escaping (EventRecord) -> ByteRange) -> PGParameter {
            column(PGType.text, PGType.textArray) { record, out in
                out.append(field: Self.optional(field(record), in: arena))
            }
        }
        return [
            column(types.0, types.1) { first($0, arena, $1) }, text(\.id), text(\.topic), text(\.type), text(\.key),
            column(PGType.jsonb, PGType.jsonbArray) { record, out in
                out.append(jsonb: Self.headers(of: record, in: arena))
            },
            column(payloadType.oid, payloadType.arrayOID) { appendPayload(arena[$0.payload], to: $1) },
            text(\.schemaVersion),
            column(PGType.timestamptz, PGType.timestamptzArray) { Self.append(time: $0.occurredAt, to: $1) },
            text(\.traceparent),
        ]
    }

    @inline(__always)
    private func appendPayload(_ payload: UnsafeRawBufferPointer, to out: ByteArena) {
        if payloadType == .jsonb { out.append(jsonb: payload) } else { out.append(field: payload) }
    }

    private static func headers(of record: EventRecord, in arena: ByteArena) -> UnsafeRawBufferPointer {
        record.headers.isPresent
            ? arena[record.headers]
            : UnsafeRawBufferPointer(start: emptyHeaders.utf8Start, count: emptyHeaders.utf8CodeUnitCount)
    }

    @inline(__always)
    private static func optional(_ range: ByteRange, in arena: ByteArena) -> UnsafeRawBufferPointer? {
        range.isPresent ? arena[range] : nil
    }

    private static func append(time milliseconds: Int64, to out: ByteArena) {
        guard milliseconds != .min, let time = PGTimestamp.microseconds(milliseconds) else {
            out.append(field: nil)
            return
        }
        out.append(bigEndian: Int32(8))
        out.append(bigEndian: time)
    }
}
