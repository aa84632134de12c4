import RelayCore

/// Taking the checkpoint over from whoever wrote it last, ourselves included.
extension MongoStateStore {
    public func takeOver(_ grant: LeaseGrant) async throws -> StoredState {
        self.grant.withLock { $0 = grant }
        for attempt in 1...20 {
            // Short at first, for an earlier writer's lock is what is expected; but a majority may take its time.
            let limit = min(500 * attempt, 5000)
            if let taken = try await fence(grant, within: limit) {
                try await readClock(control)
                return try await taken.finish(self)
            }
            logger.warning(
                "an earlier writer still holds the checkpoint; ending its session", metadata: ["attempt": "\(attempt)"])
            if let session = try await writingSession() { try await end(session) }
        }
        throw RelayError(
            .refused,
            "an earlier writer's open transaction holds the checkpoint of \(options.pipeline), and its session could "
                + "not be ended. It ends by itself after transactionLifetimeLimitSeconds (a minute, unless changed)",
            isRetriable: true)
    }

    /// Asks the server for its calendar.
    func readClock(_ connection: MongoConnection) async throws {
        let time = try await call(connection, doing: "asking for the time", within: .seconds(10)) {
            try $0.run(["hello": 1], on: "admin").document["localTime"]?.date
        }
        if let time { clock.set(time) }
    }

    public func load(_ grant: LeaseGrant) async throws -> StoredState { try await takeOver(grant) }

    /// The checkpoint's document as it was when it was taken.
    private struct Taken: Sendable {
        var grant: LeaseGrant
        var session: [UInt8]
        var document: BSONDocument
        /// The id of the newest dead letter.
        var lastDeadLetter: Int64

        func finish(_ store: MongoStateStore) async throws -> StoredState {
            if let former = document["session"]?.uuid, former != session {
                store.unended.withLock { $0.append(former) }
            }
            await store.endFormer()
            let state = try store.state(of: document)
            store.writer.withLock {
                $0 = Writer(
                    grant: grant, session: session, revision: state.revision,
                    lastDeadLetter: lastDeadLetter, large: document["largeEvents"]?.int64 ?? 0)
            }
            return state
        }
    }

    /// Names this grant and a new session as the only writer. Nil when another transaction holds the document.
    private func fence(_ grant: LeaseGrant, within milliseconds: Int) async throws -> Taken? {
        let (database, name, queries) = (database, pipeline, queries)
        writer.withLock { $0 = nil }
        let (taken, time) = try await call(data, doing: "taking over the checkpoint of \(options.pipeline)") {
            connection -> (Taken?, BSONTimestamp?) in
            // A new session: what an earlier one still has under way finds another in the document and does nothing.
            connection.reset()
            let session = try connection.sessionID()
            try connection.verify(grant, of: name, on: database)
            let update: BSONDocument = [
                "findAndModify": StateCollection.checkpoints.bson,
                "query": [
                    "_id": name,
                    "$or": [
                        ["epoch": ["$lt": .int64(grant.epoch)]],
                        ["epoch": .int64(grant.epoch), "owner": .string(grant.owner)],
                    ],
                ],
                "update": [
                    "$set": [
                        "epoch": .int64(grant.epoch), "owner": .string(grant.owner),
                        "session": .binary(session, subtype: 4),
                    ], "$currentDate": ["takenAt": true],
                ], "new": false, "maxTimeMS": .integer(milliseconds), "writeConcern": Self.majority,
            ]
            do {
                let reply = try connection.write(update, on: database)
                guard let document = reply["value"]?.document else {
                    throw try connection.whyNotTaken(name, on: database)
                }
                // Looked for, since the checkpoint may have been restored from a backup.
                let last = try connection.first(queries.newestDeadLetter(), on: database)?[path: "_id.n"]?.int64
                let taken = Taken(
                    grant: grant, session: session, document: document,
                    lastDeadLetter: max(document["lastDeadLetter"]?.int64 ?? 0, last ?? 0))
                return (taken, reply["operationTime"]?.timestamp)
            } catch let failure as MongoFailure where failure.isLocked {
                return (nil, nil)
            }
        }
        note(time)
        return taken
    }

    /// The session that may write now; it may be that of a transaction that holds the document.
    private func writingSession() async throws -> [UInt8]? {
        let (database, name) = (database, pipeline)
        return try await call(control, doing: "looking at the checkpoint of \(options.pipeline)", within: .seconds(5)) {
            try $0.first(
                [
                    "find": StateCollection.checkpoints.bson, "filter": ["_id": name], "limit": 1, "singleBatch": true,
                    "projection": ["session": 1],
                ], on: database)?["session"]?.uuid
        }
    }

    /// Ends a session of the same user: what it has under way is undone. Needs no privilege.
    fileprivate func end(_ session: [UInt8]) async throws {
        try await call(control, doing: "ending an earlier writer's session", within: .seconds(5)) {
            _ = try $0.run(["killSessions": [["id": .binary(session, subtype: 4)]]], on: "admin")
        }
    }

    /// Ends the sessions that wrote before. A transaction that one of them left open, frozen or crashed, holds documents
    /// that this term will want to write. What cannot be ended now is ended with the next load.
    fileprivate func endFormer() async {
        for session in unended.withLock({ $0 }) {
            do {
                try await end(session)
                unended.withLock { $0.removeAll { $0 == session } }
            } catch {
                logger.warning(
                    "an earlier writer's session could not be ended yet",
                    metadata: ["error.message": "\(RelayError.wrapping(error).message)"])
            }
        }
    }

    /// What the checkpoint's document says.
    func state(of document: BSONDocument) throws -> StoredState {
        guard let revision = document["revision"]?.int64, let position = document["position"]?.int64 else {
            throw RelayError(
                .identity,
                "the document of \(options.pipeline) in \(database).\(StateCollection.checkpoints.rawValue) was changed "
                    + "by hand: it has no revision or position. Restore it from a backup")
        }
        let checkpoint = try document["checkpoint"]?.string.map {
            try StoredCheckpoint.decode($0, pipeline: options.pipeline)
        }
        var state = StoredState(
            stream: 0, position: position, revision: revision, checkpoint: checkpoint,
            paused: document["paused"]?.string)
        state.stoppedMilliseconds = document["stoppedMilliseconds"]?.int64 ?? 0
        return state
    }
}

extension MongoConnection {
    /// - Throws: ``RelayError`` of kind `fenced` when the lease is somebody else's.
    fileprivate func verify(_ grant: LeaseGrant, of name: BSONValue, on database: String) throws {
        let lease = try first(
            [
                "find": StateCollection.leases.bson, "filter": ["_id": name], "limit": 1, "singleBatch": true,
                "maxTimeMS": 5000,
            ], on: database)
        guard lease?["owner"]?.string == grant.owner, lease?["epoch"]?.int64 == grant.epoch else {
            throw StateFailure.fenced
        }
    }

    fileprivate func whyNotTaken(_ name: BSONValue, on database: String) throws -> RelayError {
        let found = try first(
            ["find": StateCollection.checkpoints.bson, "filter": ["_id": name], "limit": 1, "singleBatch": true],
            on: database)
        return found == nil ? StateFailure.noCheckpoint : StateFailure.fenced
    }
}

extension StateFailure {
    static var fenced: RelayError {
        RelayError(
            .fenced, "MongoDB refused the write: another relay holds the lease of this pipeline now", isRetriable: true)
    }

    static var moved: RelayError {
        RelayError(.refused, "the stored checkpoint moved since it was read; reading it again", isRetriable: true)
    }

    static var noCheckpoint: RelayError {
        RelayError(
            .refused,
            "the pipeline's document in \(StateCollection.checkpoints.rawValue) is gone. If it was removed on purpose, "
                + "restart the relay to begin anew; else restore it from a backup", isRetriable: true)
    }
}
