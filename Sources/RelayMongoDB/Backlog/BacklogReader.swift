import RelayCore

/// Reads what was in the collections at the first start, as a snapshot of one cluster time, one collection after the
/// other, in the order of `SOURCE_FIELD_SEQUENCE` or else of `_id`. ``BacklogPosition`` says how it goes on when the server no longer
/// keeps the snapshot.
final class BacklogReader {
    private let reading: SourceReading
    private var sizer: ReplySizer
    private var order: BacklogOrder

    init(_ reading: SourceReading) {
        self.reading = reading
        order = BacklogOrder(sequence: reading.source.options.backlogSequence)
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
            reading.connection, database: reading.endpoint.database, shape: reading.maker.shape, order: order,
            from: backlog, to: target)
        var end = start
        do {
            end = try await StreamReader(reading, catchUp: rule).run(from: start, progressed: progressed)
        } catch let failure as MongoFailure
            where failure.code == MongoFailure.historyLost && backlog.cursor == nil && backlog.collection == nil
        {
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

    /// Scans collection by collection to the end of the last.
    private func scan(from start: Checkpoint, _ backlog: BacklogPosition, progressed: () -> Void) async throws
        -> Checkpoint
    {
        var checkpoint = start
        for name in try await reading.collectionNames().sorted() {
            if let current = checkpoint.backlog?.collection {
                if name < current { continue }
                if name > current { checkpoint.backlog?.cursor = nil }
            }
            checkpoint.backlog?.collection = name
            try await scan(name, at: backlog.snapshot, &checkpoint, progressed: progressed)
        }
        checkpoint.backlog = nil
        checkpoint.token = nil
        checkpoint.clusterTime = backlog.snapshot
        reading.source.status.progress.end(progressName)
        let batch = try await reading.queue.checkOut(behind: checkpoint)
        reading.submit(batch, at: checkpoint, sourceTime: nil, isLevel: false)
        reading.source.logger.info("the backlog is read", metadata: ["cluster.time": "\(backlog.snapshot)"])
        return checkpoint
    }

    private var progressName: String { "\(reading.source.options.pipeline).reader" }

    private func scan(
        _ collection: String, at snapshot: ClusterTime, _ checkpoint: inout Checkpoint, progressed: () -> Void
    ) async throws {
        var last = checkpoint.backlog?.cursor
        var command = order.find(in: collection, behind: last, of: checkpoint.backlog?.rescan)
        command = command.appending("readConcern", ["level": "snapshot", "atClusterTime": snapshot.bson])
        reading.source.status.progress.beat(progressName, longestWait: .seconds(3600))
        var reply = try await run(command.appending("batchSize", .integer(sizer.batchSize)))
        while true {
            try Task.checkCancellation()
            progressed()
            let answer = try StreamBatch(reply.unsafeView())
            var next: Task<MongoReply, any Error>?
            if answer.cursorID != 0 {
                let more: BSONDocument = [
                    "getMore": .int64(answer.cursorID), "collection": .string(collection),
                    "batchSize": .integer(sizer.batchSize),
                ]
                next = fetch(more)
            }
            do {
                try await submit(answer, of: reply, in: collection, &checkpoint, &last)
            } catch {
                _ = await next?.result
                await close(answer.cursorID, of: collection)
                throw error
            }
            withExtendedLifetime(reply) {}
            guard let next else { return }
            reply = try await next.value
        }
    }

    private func submit(
        _ answer: StreamBatch, of reply: MongoReply, in collection: String, _ checkpoint: inout Checkpoint,
        _ last: inout String?
    ) async throws {
        let maker = reading.maker
        let rescan = checkpoint.backlog?.rescan
        var documents = answer.documents.elements
        var count = 0
        var isExhausted = false
        while !isExhausted {
            reading.source.status.progress.end(progressName)
            let batch = try await reading.queue.checkOut(behind: checkpoint)
            reading.source.status.progress.beat(progressName, longestWait: .seconds(60))
            let begin = batch.records.count
            var halt: (any Error)?
            var incomplete: (any Error)?
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
                let before = batch.records.count
                maker.take(
                    existing: document, of: collection, time: order.time(of: document), mayRepeat: rescan != nil,
                    into: batch)
                if maker.isFull || reading.haltsOnPoison {
                    do { try await maker.complete(batch) } catch {
                        incomplete = error
                        break
                    }
                }
                do {
                    try reading.haltIfAsked(batch, from: before)
                } catch {
                    halt = error
                    batch.truncate(to: before)
                    break
                }
                newest = document
            }
            if incomplete == nil {
                do { try await maker.complete(batch) } catch { incomplete = error }
            }
            if let incomplete {
                // Events that lack what could not be read come again; what the batch held before stays.
                batch.truncate(to: begin)
                reading.submit(batch, at: checkpoint, sourceTime: nil, isLevel: false)
                throw incomplete
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

    private func close(_ cursor: Int64, of collection: String) async {
        guard cursor != 0 else { return }
        _ = try? await run(["killCursors": .string(collection), "cursors": [.int64(cursor)]])
    }
}
