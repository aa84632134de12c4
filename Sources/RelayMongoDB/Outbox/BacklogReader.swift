import RelayCore

/// Reads what was in the outbox at the first start, as a snapshot of one cluster time, in the order of
/// `SOURCE_FIELD_SEQUENCE` or else of `_id`. ``BacklogPosition`` says how it goes on when the server no longer
/// keeps the snapshot.
final class BacklogReader {
    private let reading: OutboxReading
    private var sizer: ReplySizer
    private var order: BacklogOrder

    init(_ reading: OutboxReading) {
        self.reading = reading
        order = BacklogOrder(sequence: reading.source.options.mapping.sequence)
        sizer = ReplySizer(target: min(reading.queue.limits.bytes, reading.queue.limits.buffer / 16))
    }

    /// One step: scans to the end, or goes over to a later snapshot. The result has no backlog when it is done.
    func advance(from start: Checkpoint, progressed: () -> Void) async throws -> Checkpoint {
        guard let backlog = start.backlog else { return start }
        do {
            if let target = backlog.catchingUpTo {
                return try await catchUp(from: start, backlog, to: target, progressed: progressed)
            }
            return try await scan(from: start, backlog, progressed: progressed)
        } catch let failure as MongoFailure where failure.isSnapshotGone {
            return try await laterSnapshot(after: reading.position ?? start)
        }
    }

    private func laterSnapshot(after checkpoint: Checkpoint) async throws -> Checkpoint {
        var next = checkpoint
        let time = try await ClusterIdentity(reading.connection, endpoint: reading.endpoint).snapshotTime()
        // From the old snapshot's time on, or from where an earlier catching up has come to.
        if next.backlog?.catchingUpTo == nil { next.token = nil }
        next.backlog?.catchingUpTo = time
        reading.source.logger.info(
            "the server no longer keeps the backlog's snapshot; going on at a later one",
            metadata: ["cluster.time": "\(time)"])
        reading.move(to: next)
        return next
    }

    /// The stream between two snapshots: see ``BacklogCatchUp``.
    private func catchUp(
        from start: Checkpoint, _ backlog: BacklogPosition, to target: ClusterTime, progressed: () -> Void
    ) async throws -> Checkpoint {
        let rule = BacklogCatchUp(
            reading.connection, endpoint: reading.endpoint, order: order, cursor: backlog.cursor, to: target)
        var end = start
        do {
            end = try await StreamReader(reading, catchUp: rule).run(from: start, progressed: progressed)
        } catch let failure as MongoFailure where failure.code == MongoFailure.historyLost && backlog.cursor == nil {
            // Nothing was scanned yet, so the scan at the later time misses no document; what was deleted since has
            // neither document nor oplog entry any more.
            end = reading.position ?? start
        }
        end.backlog?.snapshot = target
        end.backlog?.catchingUpTo = nil
        end.clusterTime = target
        end.token = nil
        end.invalidated = false
        reading.move(to: end)
        return end
    }

    private func scan(from start: Checkpoint, _ backlog: BacklogPosition, progressed: () -> Void) async throws
        -> Checkpoint
    {
        var checkpoint = start
        let name = "\(reading.source.options.pipeline).reader"
        var command = order.find(in: reading.endpoint.collection, behind: backlog.cursor)
        command = command.appending(
            "readConcern", ["level": "snapshot", "atClusterTime": backlog.snapshot.bson])
        reading.source.status.progress.beat(name, longestWait: .seconds(3600))
        var reply = try await run(command.appending("batchSize", .integer(sizer.batchSize)))
        var last = backlog.cursor
        while true {
            try Task.checkCancellation()
            progressed()
            let answer = try StreamBatch(reply.unsafeView())
            var next: Task<MongoReply, any Error>?
            if answer.cursorID != 0 {
                let more: BSONDocument = [
                    "getMore": .int64(answer.cursorID), "collection": .string(reading.endpoint.collection),
                    "batchSize": .integer(sizer.batchSize),
                ]
                next = fetch(more)
            }
            do {
                try await submit(answer, of: reply, &checkpoint, &last, name)
            } catch {
                _ = await next?.result
                await close(answer.cursorID)
                throw error
            }
            withExtendedLifetime(reply) {}
            guard let next else { break }
            reply = try await next.value
        }
        checkpoint.backlog = nil
        checkpoint.token = nil
        checkpoint.clusterTime = backlog.snapshot
        reading.source.status.progress.end(name)
        let batch = try await reading.queue.checkOut(behind: checkpoint)
        reading.submit(batch, at: checkpoint, sourceTime: nil, isLevel: false)
        reading.source.logger.info("the backlog is read", metadata: ["cluster.time": "\(backlog.snapshot)"])
        return checkpoint
    }

    private func submit(
        _ answer: StreamBatch, of reply: MongoReply, _ checkpoint: inout Checkpoint, _ last: inout String?,
        _ name: String
    ) async throws {
        var documents = answer.documents.elements
        var count = 0
        var isExhausted = false
        while !isExhausted {
            reading.source.status.progress.end(name)
            let batch = try await reading.queue.checkOut(behind: checkpoint)
            reading.source.status.progress.beat(name, longestWait: .seconds(60))
            var halt: (any Error)?
            var newest: BSONView?
            while !reading.queue.isFull(batch) {
                let document: BSONView
                do {
                    guard let next = try documents.next()?.value.document else {
                        isExhausted = true
                        break
                    }
                    document = next
                } catch {
                    halt = error
                    break
                }
                count += 1
                // The bound of the index scan is inclusive: the last document of before comes once more.
                if count == 1, let last, order.key(of: document) == last { continue }
                reading.decoder.decode(document.bytes, fallbackTime: order.time(of: document), into: batch)
                do {
                    try reading.haltIfAsked(batch)
                } catch {
                    halt = error
                    batch.dropLast()
                    break
                }
                newest = document
            }
            if let newest {
                last = order.key(of: newest)
                checkpoint.backlog?.cursor = last
            }
            reading.submit(batch, at: checkpoint, sourceTime: answer.operationTime, isLevel: false)
            if let halt { throw halt }
        }
        sizer.note(bytes: reply.byteCount, documents: count)
    }

    private func run(_ command: BSONDocument) async throws -> MongoReply {
        try await reading.connection.run(command, on: reading.endpoint.database, inSession: true)
    }

    private func fetch(_ command: BSONDocument) -> Task<MongoReply, any Error> {
        let connection = reading.connection
        let database = reading.endpoint.database
        return Task { try await connection.run(command, on: database, inSession: true) }
    }

    private func close(_ cursor: Int64) async {
        guard cursor != 0 else { return }
        _ = try? await run(["killCursors": .string(reading.endpoint.collection), "cursors": [.int64(cursor)]])
    }
}
