import RelayCore

/// Reads the source's change stream and submits the events that are made of it. While one answer is decoded, the next is fetched.
final class StreamReader {
    private let reading: SourceReading
    private var cursor: StreamCursor
    private var checkpoint = Checkpoint()
    private var sizer: ReplySizer
    private let maker: any EventMaker
    private let matcher: BSONFieldMatcher
    private let values: BSONFieldValues
    private let catchUp: BacklogCatchUp?
    /// While catching up: documents of the answer that the scan will bring.
    private var stillToCome: Set<[UInt8]> = []
    /// Whether the token was refused and the stream is opened by cluster time, up to the first event behind it.
    private var resumesByTime = false
    /// Events up to this token are settled already: set when a stream had to be reopened by cluster time.
    private var skipThrough: String?
    /// The newest of them that was seen since the stream was opened by cluster time: where it is opened when it has to be
    /// again, or a change among them that is too large would be met for ever. Never stored: it lies before the checkpoint.
    private var skipped: String?
    private var pace = Pace.ordinary
    private var singles = 0
    private static let mostSingles = 5000

    /// How the way to a change event is found that is too large for the server to send (error 10334): it fails the
    /// whole answer, so events are taken one by one up to it, and it alone without what makes it large.
    private enum Pace {
        case ordinary, single, truncated
    }

    /// How long the server waits for something to happen before it answers that nothing did.
    static let idleWait = Duration.milliseconds(500)

    /// - Parameter catchUp: what to read only, and up to when; nil for everything and for ever.
    init(_ reading: SourceReading, catchUp: BacklogCatchUp? = nil) {
        self.reading = reading
        self.catchUp = catchUp
        maker = reading.maker
        cursor = StreamCursor(reading.connection, database: reading.endpoint.database, shape: maker.shape)
        matcher = BSONFieldMatcher(StreamShape.common + maker.shape.fields)
        values = BSONFieldValues(for: matcher)
        sizer = ReplySizer(target: min(reading.queue.limits.bytes, reading.queue.limits.buffer / 16))
    }

    /// Reads from `start` until something fails, or to the end of catching up; returns the checkpoint there.
    /// - Parameter progressed: called with every answer.
    @discardableResult
    func run(from start: Checkpoint, progressed: () -> Void) async throws -> Checkpoint {
        checkpoint = start
        if reading.hasOtherOptions {
            resumesByTime = true
            // What the checkpoint's own time brought up to its token is settled.
            skipThrough = checkpoint.invalidated ? nil : checkpoint.token
            reading.noteOptions(in: &checkpoint)
        }
        while true {
            do {
                // No bound: a resume behind a long stretch of other collections' writes has no intermediate answer.
                reading.source.status.progress.beat(progressName, longestWait: .seconds(3600))
                _ = try await cursor.open(self.start, passed: catchUp?.passed, truncated: pace == .truncated)
                let isDone = try await readAll(progressed: progressed)
                await cursor.close()
                if isDone { return checkpoint }
                // The collection went, and with its database perhaps the relay's own collections.
                if checkpoint.invalidated { checkpoint.cluster = try await reading.currentCluster() }
            } catch let failure as MongoFailure where failure.isUnresumable && !resumesByTime && checkpoint.token != nil
            {
                await cursor.close()
                reading.source.logger.warning(
                    "the resume token was refused; resuming by cluster time",
                    metadata: [
                        "error.code": "\(failure.code)", "cluster.time": "\(checkpoint.clusterTime?.description ?? "")",
                    ])
                skipThrough = checkpoint.token
                skipped = nil
                resumesByTime = true
            } catch let failure as MongoFailure
                where failure.code == MongoFailure.objectTooLarge && pace != .truncated
            {
                await cursor.close()
                (pace, singles) = (pace == .ordinary ? .single : .truncated, 0)
            } catch {
                await cursor.close()
                throw error
            }
        }
    }

    private var start: StreamCursor.Start {
        // Nothing of a collection follows its end at the same time.
        if resumesByTime, let skipped { return .after(token: skipped) }
        if resumesByTime, let time = checkpoint.clusterTime { return .at(checkpoint.invalidated ? time.next : time) }
        if let token = checkpoint.token {
            return checkpoint.invalidated ? .afterInvalidate(token: token) : .after(token: token)
        }
        return .at(
            (checkpoint.backlog?.snapshot ?? checkpoint.clusterTime ?? ClusterTime(seconds: 0, increment: 0)).next)
    }

    private var progressName: String { "\(reading.source.options.pipeline).reader" }

    /// True when `limit` was reached, false when the stream has to be reopened behind the checkpoint.
    private func readAll(progressed: () -> Void) async throws -> Bool {
        var prefetched: Task<MongoReply, any Error>?
        defer { prefetched?.cancel() }
        while true {
            try Task.checkCancellation()
            let size = pace == .ordinary ? sizer.batchSize : 1
            let cursor = self.cursor
            let task = prefetched ?? cursor.fetch(batchSize: size, wait: Self.idleWait)
            prefetched = nil
            let reply = try await task.value
            progressed()
            reading.source.status.progress.beat(progressName, longestWait: .seconds(60))
            let answer = try StreamBatch(reply.unsafeView())
            let isEmpty = answer.documents.isEmpty
            if !isEmpty, answer.cursorID != 0, pace == .ordinary {
                prefetched = cursor.fetch(batchSize: size, wait: Self.idleWait)
            }
            do {
                if let done = try await process(answer, asked: size, bytes: reply.byteCount) {
                    _ = await prefetched?.result
                    return done
                }
            } catch {
                _ = await prefetched?.result
                throw error
            }
            withExtendedLifetime(reply) {}
            if answer.cursorID == 0 { return false }
            if pace == .truncated, !isEmpty {
                pace = .ordinary
                return false
            }
            // What was too large has shrunk meanwhile: a looked-up document may.
            if pace == .single, !isEmpty { singles += 1 }
            if singles > Self.mostSingles { (pace, singles) = (.ordinary, 0) }
        }
    }

    /// Nil to go on, true when `limit` was reached, false to reopen.
    private func process(_ answer: StreamBatch, asked: Int, bytes: Int) async throws -> Bool? {
        if let catchUp { stillToCome = try await catchUp.stillToCome(of: answer.documents) }
        var events = answer.documents.elements
        var count = 0
        var outcome: Bool?
        var isExhausted = false
        while !isExhausted, outcome == nil {
            reading.source.status.progress.end(progressName)
            let batch = try await reading.queue.checkOut(behind: checkpoint)
            let begin = (checkpoint, batch.records.count)
            var halt: (any Error)?
            var incomplete: (any Error)?
            do {
                while outcome == nil, !reading.queue.isFull(batch) {
                    guard let event = try events.next() else {
                        isExhausted = true
                        break
                    }
                    count += 1
                    let before = (checkpoint, batch.records.count)
                    outcome = try take(event.value, into: batch)
                    if maker.isFull || reading.haltsOnPoison {
                        do { try await maker.complete(batch) } catch {
                            incomplete = error
                            break
                        }
                    }
                    do {
                        try reading.haltIfAsked(batch, from: before.1)
                    } catch {
                        // What halts the pipeline is not settled: it must come again.
                        checkpoint = before.0
                        batch.truncate(to: before.1)
                        throw error
                    }
                }
            } catch {
                halt = error
            }
            if incomplete == nil {
                do { try await maker.complete(batch) } catch { incomplete = error }
            }
            if let incomplete {
                // Events that lack what could not be read come again; what the batch held before stays.
                checkpoint = begin.0
                batch.truncate(to: begin.1)
                reading.submit(batch, at: checkpoint, sourceTime: nil, isLevel: false)
                throw incomplete
            }
            if isExhausted, outcome == nil, halt == nil { outcome = endOfAnswer(answer) }
            let isLevel = isExhausted && count < asked && isNear(answer)
            reading.submit(batch, at: checkpoint, sourceTime: answer.operationTime, isLevel: isLevel && halt == nil)
            if let halt { throw halt }
        }
        sizer.note(bytes: bytes, documents: count)
        return outcome
    }

    /// Moves the checkpoint to the token behind an answer of which everything was taken.
    private func endOfAnswer(_ answer: StreamBatch) -> Bool? {
        guard let token = answer.postBatchToken, !checkpoint.invalidated || token > (checkpoint.token ?? "") else {
            return nil
        }
        // Before what is settled already: the stream was opened at an earlier time.
        if let skip = skipThrough, token <= skip { return nil }
        if token > (checkpoint.token ?? "") {
            checkpoint.token = token
            checkpoint.invalidated = false
            resumesByTime = false
            if let time = ResumeToken.clusterTime(of: token) { checkpoint.clusterTime = time }
        }
        if let limit = catchUp?.limit, let time = checkpoint.clusterTime, time > limit { return true }
        return nil
    }

    private func isNear(_ answer: StreamBatch) -> Bool {
        guard let newest = answer.operationTime, let here = checkpoint.clusterTime else { return true }
        return Int64(newest.seconds) - Int64(here.seconds) <= 1
    }

    /// Takes one change event. Nil to go on.
    private func take(_ value: BSONRawValue, into batch: EventBatch) throws -> Bool? {
        guard let event = value.document else { throw BSONError(.truncated, offset: 0) }
        try matcher.match(event, into: values)
        guard let token = try values[0]?.document?.value("_data")?.string,
            let operation = values[1]?.utf8, let time = values[2]?.timestamp
        else { throw BSONError(.truncated, offset: 0) }
        let clusterTime = ClusterTime(time)
        if let limit = catchUp?.limit, clusterTime > limit { return true }
        if let skip = skipThrough {
            if token <= skip {
                skipped = token
                return nil
            }
            skipThrough = nil
        }
        resumesByTime = false
        if let kind = ChangeEvent.Operation(operation) {
            if try catchUp == nil || isOwed(event) {
                let committed = values[5]?.date ?? Int64(time.seconds) * 1000
                try maker.take(
                    ChangeEvent(
                        kind, token: token, clusterTime: clusterTime, committedAt: committed, whole: event,
                        values: values, isTruncated: pace == .truncated), into: batch)
            }
        } else {
            checkpoint.token = token
            checkpoint.clusterTime = clusterTime
            checkpoint.invalidated = operation.elementsEqual("invalidate".utf8)
            // The end of its one collection ends a stream with an event of its own.
            if checkpoint.invalidated || maker.shape.collection == nil { try ended(event) }
            return checkpoint.invalidated ? false : nil
        }
        checkpoint.token = token
        checkpoint.clusterTime = clusterTime
        checkpoint.invalidated = false
        return nil
    }

    /// While catching up: whether the scan will not bring the document.
    private func isOwed(_ event: BSONView) throws -> Bool {
        if values[4]?.bool == true { return true }
        guard let catchUp, let id = try event.value(maker.shape.identity)?.document?.value("_id"),
            let collection = try catchUp.collection(of: event)
        else { return true }
        return !stillToCome.contains(BacklogCatchUp.key(id, in: collection))
    }

    private func ended(_ event: BSONView) throws {
        let name = (try? event.value("ns")?.document?.value("coll")?.string) ?? nil
        let namespace = name.map { "\(reading.endpoint.database).\($0)" } ?? reading.source.namespace
        guard reading.source.options.haltsOnInvalidate else {
            reading.source.logger.warning(
                "a collection was dropped or renamed; reading on when there is one of its name again",
                metadata: ["collection": "\(namespace)"])
            return
        }
        throw RelayError(
            .invalidated,
            "the collection \(namespace) was dropped or renamed, and SOURCE_ON_INVALIDATE=halt. Restart the relay, "
                + "or run `outbox-relay resume`, to read on from a collection of that name")
    }
}
