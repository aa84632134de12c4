import RelayCore

/// What is delivered outside of the stream's order: in transactions that begin with the same fence, at new positions.
extension NativeQueue {
    public func deliver(
        _ batch: EventBatch, for errand: Errand, after state: StoredState, under grant: LeaseGrant
    ) async throws -> Delivery {
        Storability.check(batch, payloadType: options.payloadType)
        if let mark = errand.redelivery {
            for index in batch.records.indices where batch.records[index].outcome == .event {
                batch.setHeader(EventBatch.redeliveryHeader, to: mark, at: index)
            }
        }
        while true {
            let indices = batch.records.indices.filter { batch.records[$0].outcome == .event }
            let progress = errand.progress(delivered: indices.count, unusable: batch.count(of: .poison))
            var next = state
            next.position += Int64(indices.count)
            next.revision += 1
            var statements = [PGStatement("BEGIN"), try advance(from: state, to: next, under: grant)]
            if !indices.isEmpty {
                let rows = EventRows(
                    stream: state.stream, firstPosition: state.position + 1, payloadType: options.payloadType)
                statements.append(rows.insert(batch, indices, schema: schema))
            }
            statements.append(
                PGStatement(
                    "SELECT \(schema).note_progress($1::bigint, $2::bigint, $3)",
                    [PGParameter(errand.request.id), PGParameter(grant.epoch), .text(progress.text)]))
            do {
                _ = try await withPartitions { try await data.pipeline(statements + [PGStatement("COMMIT")]) }
                if !indices.isEmpty { notifier.notify() }
                return Delivery(state: next, delivered: indices.count)
            } catch let error as RelayError where error.code == .poison {
                let found = try await refused(batch, state)
                if found.isEmpty { throw RelayError(.refused, error.message, isRetriable: true) }
                for (index, poison) in found { batch.reject(at: index, poison) }
            }
        }
    }

    /// Runs `body`, once more where it was today's partition that was missing.
    func withPartitions<Answer>(_ body: () async throws -> Answer) async throws -> Answer {
        do {
            return try await body()
        } catch let error as RelayError where error.code == .missingPartition {
            _ = try await data.query(PGStatement("SELECT count(*) FROM \(schema).make_partitions()"))
            return try await body()
        }
    }
}
