import Foundation
import RelayCore

extension NativeQueue {
    /// The statements that store the poison of `batch`, in the batch's transaction.
    func deadLetters(of batch: EventBatch, stream: Int, withTexts: Bool = true) -> [PGStatement] {
        batch.records.filter { $0.outcome == .poison }.map { record in
            let poison = batch.poison[Int(record.note)]
            let arena = batch.arena
            func text(_ range: ByteRange) -> PGParameter {
                // NUL has no place in a text column; the document or the payload beside it keeps it.
                range.isPresent && withTexts
                    ? .text(arena.string(range).replacingOccurrences(of: "\0", with: "\\0")) : .null
            }
            func bytes(_ range: ByteRange) -> PGParameter {
                range.isPresent ? .binary(PGType.bytea, Array(arena[range])) : .null
            }
            let time = record.occurredAt == .min ? nil : PGTimestamp.microseconds(record.occurredAt)
            return PGStatement(
                """
                INSERT INTO \(schema).dead_letters (pipeline, stream, event_id, topic, type, key, headers, payload,
                    schema_version, occurred_at, traceparent, reason_code, reason, document, document_json, source_position)
                VALUES ($1, $2::int, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                """,
                [
                    .text(options.pipeline), PGParameter(stream), text(record.id), text(record.topic),
                    text(record.type), text(record.key), text(record.headers), bytes(record.payload),
                    text(record.schemaVersion),
                    time.map { time in .binary(PGType.timestamptz, withUnsafeBytes(of: time.bigEndian) { Array($0) }) }
                        ?? .null,
                    text(record.traceparent), .text(poison.reason.rawValue), .text(poison.message),
                    bytes(record.document), text(record.documentText),
                    PGParameter(batch.end.token ?? batch.end.backlog?.cursor),
                ])
        }
    }

    public func deadLetterCount() async throws -> Int {
        let rows = try await upkeep.query(
            PGStatement(
                "SELECT count(*) AS waiting FROM \(schema).dead_letters WHERE pipeline = $1 AND state = 'dead'",
                [.text(options.pipeline)]))
        return rows[0, "waiting"].flatMap { Int($0) } ?? 0
    }

    public func retry(
        _ letters: [Int64], for request: RelayRequest, after state: StoredState, under grant: LeaseGrant,
        decode: @Sendable ([UInt8]) async throws -> EventBatch
    ) async throws -> Delivery {
        var state = state
        var delivered = 0
        var failures: [String] = []
        for id in letters {
            guard let batch = try await event(of: id, decode: decode) else {
                failures.append("\(id): there is no such dead letter waiting")
                continue
            }
            Storability.check(batch, payloadType: options.payloadType)
            if batch.records[0].outcome == .poison {
                failures.append("\(id): \(batch.poison.last?.message ?? "no event")")
                continue
            }
            batch.setHeader(EventBatch.redeliveryHeader, to: "retry", at: 0)
            var next = state
            next.position += 1
            next.revision += 1
            let rows = EventRows(stream: state.stream, firstPosition: next.position, payloadType: options.payloadType)
            do {
                _ = try await data.pipeline([
                    PGStatement("BEGIN"), try advance(from: state, to: next, under: grant),
                    rows.insert(batch, [0], schema: schema),
                    PGStatement(
                        "SELECT \(schema).resolve_dead_letters($1, $2::bigint[], 'retried')",
                        [.text(options.pipeline), .text("{\(id)}")]),
                    PGStatement("COMMIT"),
                ])
                state = next
                delivered += 1
            } catch let error as RelayError where error.code == .poison {
                failures.append("\(id): \(error.message)")
            }
        }
        try await finish(request, done: delivered, verb: "delivered again", failures)
        return Delivery(state: state, delivered: delivered)
    }

    public func discard(_ letters: [Int64], for request: RelayRequest, under grant: LeaseGrant) async throws -> Int {
        let rows = try await control.query(
            PGStatement(
                "SELECT \(schema).resolve_dead_letters($1, $2::bigint[], 'discarded') AS count",
                [.text(options.pipeline), .text("{\(letters.map(String.init).joined(separator: ","))}")]))
        let count = rows[0, "count"].flatMap { Int($0) } ?? 0
        let missing = letters.count - count
        try await finish(
            request, done: count, verb: "discarded",
            missing == 0 ? [] : ["\(missing) of them are no dead letters that wait"])
        return count
    }

    private func finish(_ request: RelayRequest, done: Int, verb: String, _ failures: [String]) async throws {
        let message = (["\(done) \(verb)"] + failures).joined(separator: "; ")
        try await answer(request, RequestAnswer(succeeded: failures.isEmpty, message: message, count: done))
    }

    /// The event of a dead letter: made anew of its document where that is kept, so that a corrected mapping
    /// counts, or else of its columns. Nil when there is none.
    private func event(of id: Int64, decode: @Sendable ([UInt8]) async throws -> EventBatch) async throws -> EventBatch?
    {
        let rows = try await control.query(
            PGStatement(
                """
                SELECT reason_code, event_id, topic, type, key, headers, encode(payload, 'hex') AS payload, schema_version,
                    (extract(epoch FROM occurred_at) * 1000)::bigint AS occurred_at, traceparent,
                    encode(document, 'hex') AS document
                FROM \(schema).dead_letters WHERE pipeline = $1 AND id = $2::bigint AND state = 'dead'
                """, [.text(options.pipeline), PGParameter(id)]))
        guard !rows.isEmpty else { return nil }
        if let document = rows[0, "document"].flatMap(Self.bytes) { return try await decode(document) }
        let batch = EventBatch(end: Checkpoint())
        var record = EventRecord(deadLetterIn: rows, 0, appendingTo: batch.arena)
        if !record.payload.isPresent { record.payload = batch.arena.appended([]) }
        let texts = ["event_id", "topic", "type", "key", "schema_version", "traceparent"].compactMap { rows[0, $0] }
        if rows[0, "reason_code"] == Poison.Reason.unstorable.rawValue, texts.contains(where: { $0.contains("\\0") }) {
            // What stands in the columns is written for people, and is not the event's own text.
            batch.append(record, poison: Poison(.unstorable, "its id, key, topic or type holds a NUL character"))
            return batch
        }
        guard record.id.isPresent, record.topic.isPresent, record.type.isPresent, record.key.isPresent else {
            batch.append(record, poison: Poison(.missingField, "the dead letter holds neither document nor event"))
            return batch
        }
        batch.append(record)
        return batch
    }

    static func bytes(_ hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        func value(_ digit: UInt8) -> UInt8 { digit <= 57 ? digit - 48 : digit - 87 }
        return stride(from: 0, to: digits.count, by: 2).map { value(digits[$0]) << 4 | value(digits[$0 + 1]) }
    }
}
