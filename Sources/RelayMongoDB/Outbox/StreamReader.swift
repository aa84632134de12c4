import RelayCore

/// Reads the outbox's change stream and submits its inserts. While one answer is decoded, the next is fetched.
final class StreamReader {
    private let reading: OutboxReading
    private var cursor: StreamCursor
    private var checkpoint = Checkpoint()
    private var sizer: ReplySizer
    private let matcher = BSONFieldMatcher(["_id", "operationType", "clusterTime", "fullDocument"])
    private let values: BSONFieldValues
    /// Events up to this token are settled already: set when a stream had to be reopened by cluster time.
    private var skipThrough: String?

    /// How long the server waits for something to happen before it answers that nothing did.
    static let idleWait = Duration.milliseconds(500)

    init(_ reading: OutboxReading) {
        self.reading = reading
        cursor = StreamCursor(
            reading.connection, database: reading.endpoint.database, collection: reading.endpoint.collection)
        values = BSONFieldValues(for: matcher)
        sizer = ReplySizer(target: min(reading.queue.limits.bytes, reading.queue.limits.buffer / 16))
    }

    /// Reads from `start` until something fails.
    func run(from start: Checkpoint, progressed: () -> Void) async throws {
        _ = try await run(from: start, until: nil, filter: nil, progressed: progressed)
    }

    /// Reads from `start` to `limit`, inclusive; returns the checkpoint there.
    func run(
        from start: Checkpoint, until limit: ClusterTime?, filter: BSONValue?, progressed: () -> Void
    ) async throws -> Checkpoint {
        checkpoint = start
        while true {
            try await open(filter: filter)
            progressed()
            let isDone: Bool
            do {
                isDone = try await readAll(until: limit, progressed: progressed)
            } catch {
                await cursor.close()
                throw error
            }
            if isDone {
                await cursor.close()
                return checkpoint
            }
        }
    }

    private func open(filter: BSONValue?) async throws {
        // No bound: a resume behind a long stretch of other collections' writes has no intermediate answer.
        reading.source.status.progress.beat(progressName, longestWait: .seconds(3600))
        do {
            try await openUnderObservation(start, filter)
        } catch let failure as MongoFailure where failure.isUnresumable && checkpoint.token != nil {
            guard let time = checkpoint.clusterTime else { throw failure }
            reading.source.logger.warning(
                "the resume token was refused; resuming by cluster time",
                metadata: ["error.code": "\(failure.code)", "cluster.time": "\(time)"])
            skipThrough = checkpoint.token
            try await openUnderObservation(.at(time), filter)
        }
    }

    private func openUnderObservation(_ start: StreamCursor.Start, _ filter: BSONValue?) async throws {
        reading.source.watchdog.begin()
        defer { reading.source.watchdog.end() }
        _ = try await cursor.open(start, filter: filter)
    }

    private var start: StreamCursor.Start {
        if let token = checkpoint.token {
            return checkpoint.invalidated ? .afterInvalidate(token: token) : .after(token: token)
        }
        return .at((checkpoint.backlog?.snapshot ?? checkpoint.clusterTime ?? ClusterTime(seconds: 0, increment: 0)).next)
    }

    private var progressName: String { "\(reading.source.options.pipeline).reader" }

    /// True when `limit` was reached, false when the stream has to be reopened behind the checkpoint.
    private func readAll(until limit: ClusterTime?, progressed: () -> Void) async throws -> Bool {
        var prefetched: Task<MongoReply, any Error>?
        defer { prefetched?.cancel() }
        while true {
            try Task.checkCancellation()
            let size = sizer.batchSize
            let cursor = self.cursor
            let task = prefetched ?? cursor.fetch(batchSize: size, wait: Self.idleWait)
            prefetched = nil
            reading.source.watchdog.begin()
            let result = await task.result
            reading.source.watchdog.end()
            let reply = try result.get()
            progressed()
            reading.source.status.progress.beat(progressName, longestWait: .seconds(60))
            let answer = try StreamBatch(reply.unsafeView())
            let isEmpty = answer.documents.isEmpty
            if !isEmpty, answer.cursorID != 0 {
                prefetched = cursor.fetch(batchSize: size, wait: Self.idleWait)
            }
            do {
                if let done = try await process(answer, asked: size, bytes: reply.byteCount, until: limit) {
                    _ = await prefetched?.result
                    return done
                }
            } catch {
                _ = await prefetched?.result
                throw error
            }
            withExtendedLifetime(reply) {}
            if answer.cursorID == 0 { return false }
        }
    }

    /// Nil to go on, true when `limit` was reached, false to reopen.
    private func process(
        _ answer: StreamBatch, asked: Int, bytes: Int, until limit: ClusterTime?
    ) async throws -> Bool? {
        var events = answer.documents.elements
        var count = 0
        var outcome: Bool?
        var isExhausted = false
        while !isExhausted, outcome == nil {
            reading.source.status.progress.end(progressName)
            let batch = try await reading.queue.checkOut(behind: checkpoint)
            var halt: (any Error)?
            do {
                while outcome == nil, !reading.queue.isFull(batch) {
                    guard let event = try events.next() else {
                        isExhausted = true
                        break
                    }
                    count += 1
                    let before = checkpoint
                    outcome = try take(event.value, into: batch, until: limit)
                    do {
                        try reading.haltIfAsked(batch)
                    } catch {
                        // What halts the pipeline is not settled: it must come again.
                        checkpoint = before
                        batch.dropLast()
                        throw error
                    }
                }
            } catch {
                halt = error
            }
            if isExhausted, outcome == nil, halt == nil { outcome = endOfAnswer(answer, until: limit) }
            let isLevel = isExhausted && count < asked && isNear(answer)
            reading.submit(batch, at: checkpoint, sourceTime: answer.operationTime, isLevel: isLevel && halt == nil)
            if let halt { throw halt }
        }
        sizer.note(bytes: bytes, documents: count)
        return outcome
    }

    /// Moves the checkpoint to the token behind an answer of which everything was taken.
    private func endOfAnswer(_ answer: StreamBatch, until limit: ClusterTime?) -> Bool? {
        guard let token = answer.postBatchToken, !checkpoint.invalidated || token > (checkpoint.token ?? "") else {
            return nil
        }
        if token > (checkpoint.token ?? "") {
            checkpoint.token = token
            checkpoint.invalidated = false
            if let time = ResumeToken.clusterTime(of: token) { checkpoint.clusterTime = time }
        }
        if let limit, let time = checkpoint.clusterTime, time >= limit, answer.documents.isEmpty || time > limit {
            return true
        }
        return nil
    }

    private func isNear(_ answer: StreamBatch) -> Bool {
        guard let newest = answer.operationTime, let here = checkpoint.clusterTime else { return true }
        return Int64(newest.seconds) - Int64(here.seconds) <= 1
    }

    /// Takes one change event. Nil to go on.
    private func take(_ value: BSONRawValue, into batch: EventBatch, until limit: ClusterTime?) throws -> Bool? {
        guard let event = value.document else { throw BSONError(.truncated, offset: 0) }
        try matcher.match(event, into: values)
        guard let token = try values[0]?.document?.value("_data")?.string,
            let operation = values[1]?.utf8, let time = values[2]?.timestamp
        else { throw BSONError(.truncated, offset: 0) }
        let clusterTime = ClusterTime(time)
        if let limit, clusterTime > limit { return true }
        if let skip = skipThrough {
            if token <= skip { return nil }
            skipThrough = nil
        }
        // `insert` is by far the most frequent, and the only one with six letters.
        if operation.count == 6, let document = values[3] {
            decoder.decode(document.bytes, fallbackTime: Int64(time.seconds) * 1000, into: batch)
        } else if operation.elementsEqual("invalidate".utf8) {
            checkpoint.token = token
            checkpoint.clusterTime = clusterTime
            checkpoint.invalidated = true
            try invalidated()
            return false
        }
        checkpoint.token = token
        checkpoint.clusterTime = clusterTime
        checkpoint.invalidated = false
        return nil
    }

    private var decoder: OutboxDecoder { reading.decoder }

    private func invalidated() throws {
        let namespace = reading.source.namespace
        guard reading.source.options.haltsOnInvalidate else {
            reading.source.logger.warning(
                "the collection was dropped or renamed; waiting for it", metadata: ["collection": "\(namespace)"])
            return
        }
        throw RelayError(
            .invalidated,
            "the collection \(namespace) was dropped or renamed, and SOURCE_ON_INVALIDATE=halt. Restart the relay, "
                + "or run `outbox-relay resume`, to read on from a collection of that name")
    }
}
