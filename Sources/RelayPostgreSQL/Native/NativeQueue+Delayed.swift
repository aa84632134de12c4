import RelayCore

/// Events that are not due yet lie in a table of their own, filled in their batch's transaction. When they are due, a
/// transaction of the same writer moves them into the log, at the stream's next positions.
extension NativeQueue {
    /// Delayed events that are moved in one transaction at most.
    private static let movedAtOnce = 1000

    public func begin(after state: StoredState, under grant: LeaseGrant) async throws { try await lookForDue() }

    public var nextDue: Int64? { due.withLock { $0 } }

    /// Marks delayed events, so that what is moved later needs no change.
    func markDelayed(_ batch: EventBatch) {
        for index in batch.records.indices where batch.records[index].outcome == .delayed {
            batch.setHeader(EventBatch.redeliveryHeader, to: "delayed", at: index)
        }
    }

    /// The statement that stores the delayed events of `batch`, where there are any.
    func delayed(of batch: EventBatch) -> [PGStatement] {
        let indices = batch.records.indices.filter { batch.records[$0].outcome == .delayed }
        if indices.isEmpty { return [] }
        let rows = EventRows(stream: 0, firstPosition: 0, payloadType: options.payloadType)
        return [rows.delay(batch, indices, pipeline: options.pipeline, schema: schema)]
    }

    /// Remembers when the first of the events is due that were stored just now.
    func noteDelayed(_ batch: EventBatch) {
        let times = batch.records.filter { $0.outcome == .delayed }.map(\.deliverAfter)
        guard let first = times.min() else { return }
        due.withLock { $0 = min($0 ?? first, first) }
    }

    public func deliverDue(after state: StoredState, under grant: LeaseGrant) async throws -> Delivery {
        let now = clock.now
        let found = try await data.query(
            PGStatement(
                "SELECT id FROM \(schema).delayed WHERE pipeline = $1 "
                    + "AND due <= to_timestamp($2::bigint / 1000.0) ORDER BY due, id LIMIT \(Self.movedAtOnce)",
                [.text(options.pipeline), PGParameter(now)]))
        let ids = found.rows.compactMap { $0[0] }
        var (next, moved) = (state, 0)
        if !ids.isEmpty { (next, moved) = try await release(ids[...], after: state, under: grant) }
        try await lookForDue()
        if moved > 0 { notifier.notify() }
        let refused = ids.count - moved
        return Delivery(
            state: next, delivered: moved, deadLettered: refused == 0 ? [:] : [.refused: refused])
    }

    /// Moves events into the log, and those that it refuses by themselves (by a constraint of the user's, or for an id
    /// too long for its index) to the dead letters: one bad event must not hold up the others.
    private func release(
        _ ids: ArraySlice<String>, after state: StoredState, under grant: LeaseGrant
    ) async throws -> (state: StoredState, moved: Int) {
        var next = state
        next.revision += 1
        next.position += Int64(ids.count)
        let move = PGStatement(
            "SELECT \(schema).release_delayed($1, $2::int, $3::bigint, $4::bigint[])",
            [
                .text(options.pipeline), PGParameter(state.stream), PGParameter(state.position + 1),
                .text("{\(ids.joined(separator: ","))}"),
            ])
        do {
            let statements = [
                PGStatement("BEGIN"), try advance(from: state, to: next, under: grant), move, PGStatement("COMMIT"),
            ]
            _ = try await withPartitions { try await data.pipeline(statements) }
            return (next, ids.count)
        } catch let error as RelayError where error.code == .poison {
            if ids.count == 1, let id = ids.first {
                return (try await giveUp(id, error, after: state, under: grant), 0)
            }
            let middle = ids.startIndex + ids.count / 2
            let first = try await release(ids[..<middle], after: state, under: grant)
            let second = try await release(ids[middle...], after: first.state, under: grant)
            return (second.state, first.moved + second.moved)
        }
    }

    private func giveUp(
        _ id: String, _ error: RelayError, after state: StoredState, under grant: LeaseGrant
    ) async throws -> StoredState {
        var next = state
        next.revision += 1
        let payload = options.payloadType == .bytea ? "payload" : "convert_to(payload::text, 'UTF8')"
        _ = try await data.pipeline([
            PGStatement("BEGIN"), try advance(from: state, to: next, under: grant),
            PGStatement(
                """
                WITH gone AS (DELETE FROM \(schema).delayed WHERE pipeline = $1 AND id = $2::bigint RETURNING *)
                INSERT INTO \(schema).dead_letters (pipeline, stream, event_id, topic, type, key, headers, payload,
                    schema_version, occurred_at, traceparent, reason_code, reason)
                SELECT pipeline, $3::int, event_id, topic, type, key, headers::text, \(payload), schema_version,
                    occurred_at, traceparent, $4, $5 FROM gone
                """,
                [
                    .text(options.pipeline), .text(id), PGParameter(state.stream),
                    .text(Poison.Reason.refused.rawValue), .text(error.message),
                ]),
            PGStatement("COMMIT"),
        ])
        return next
    }

    private func lookForDue() async throws {
        let rows = try await data.query(
            PGStatement(
                // Rounded up: what is due in a fraction of a millisecond is not due yet.
                "SELECT ceil(extract(epoch FROM min(due)) * 1000)::bigint AS due FROM \(schema).delayed WHERE pipeline = $1",
                [.text(options.pipeline)]))
        due.withLock { $0 = rows[0, "due"].flatMap { Int64($0) } }
    }
}
