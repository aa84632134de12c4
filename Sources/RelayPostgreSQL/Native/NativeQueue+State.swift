import RelayCore

extension NativeQueue {
    public func prepare() async throws {
        if options.createsSchema {
            try await setUp()
        } else if try await schemaVersion() != NativeSchema.currentVersion {
            throw RelayError(
                .refused,
                "the schema \(options.schema) is missing or of another version, and DESTINATION_AUTO_SETUP=false: run "
                    + "`outbox-relay setup`", isRetriable: true)
        }
        try await checkPayloadType()
        _ = try await control.query(PGStatement("SELECT \(schema).register($1)", [.text(options.pipeline)]))
    }

    /// Creates what is missing; does nothing, cheaply, when nothing is.
    public func setUp() async throws {
        if try await schemaVersion() == NativeSchema.currentVersion { return }
        try await control.script(
            NativeSchema.setupScript(schema: options.schema, payloadType: options.payloadType.rawValue))
        logger.info("created the queue's schema", metadata: ["schema": "\(options.schema)"])
    }

    /// The version of the schema that is there; nil when there is none.
    public func schemaVersion() async throws -> Int? {
        let found = try await control.query(
            PGStatement("SELECT to_regclass($1) IS NOT NULL AS found", [.text(schema + ".schema_migrations")]))
        guard found[0, "found"] == "t" else { return nil }
        let rows = try await control.query(
            PGStatement("SELECT max(version) AS version FROM \(schema).schema_migrations"))
        let version = rows[0, "version"].flatMap { Int($0) }
        if let version, version > NativeSchema.currentVersion {
            throw RelayError(
                .configuration,
                "the schema \(options.schema) was set up by a newer version of outbox-relay: run that version, or "
                    + "choose another DESTINATION_SCHEMA", isRetriable: true)
        }
        return version
    }

    private func checkPayloadType() async throws {
        let rows = try await control.query(
            PGStatement(
                "SELECT format_type(atttypid, NULL) AS type FROM pg_catalog.pg_attribute "
                    + "WHERE attrelid = to_regclass($1) AND attname = 'payload'", [.text(schema + ".events")]))
        guard let type = rows[0, "type"], type != options.payloadType.rawValue else { return }
        throw RelayError(
            .configuration,
            "DESTINATION_PAYLOAD_TYPE is \(options.payloadType.rawValue), but the column payload of "
                + "\(options.schema).events is \(type): set it to \(type), or choose another DESTINATION_SCHEMA",
            isRetriable: true)
    }

    public func acquireLease(owner: String, ttl: Duration) async throws -> LeaseAnswer {
        let rows = try await control.query(
            PGStatement(
                "SELECT acquired, epoch, extract(epoch FROM expires_in) AS expires_in, held_by "
                    + "FROM \(schema).acquire_lease($1, $2, $3::interval, $4)",
                [.text(options.pipeline), .text(owner), PGParameter(ttl), .text(options.holder)]))
        if rows[0, "acquired"] == "t", let epoch = rows[0, "epoch"].flatMap({ Int64($0) }) {
            return .granted(LeaseGrant(owner: owner, epoch: epoch))
        }
        let seconds = rows[0, "expires_in"].flatMap { Double($0) } ?? 1
        return .held(by: rows[0, "held_by"] ?? "another relay", expiresIn: .seconds(max(0, seconds)))
    }

    public func renewLease(_ grant: LeaseGrant, ttl: Duration) async throws -> Bool {
        let rows = try await control.query(
            PGStatement(
                "SELECT \(schema).renew_lease($1, $2, $3::bigint, $4::interval) AS renewed",
                [.text(options.pipeline), .text(grant.owner), PGParameter(grant.epoch), PGParameter(ttl)]),
            within: ttl / 3)
        return rows[0, "renewed"] == "t"
    }

    public func releaseLease(_ grant: LeaseGrant) async throws {
        _ = try await control.query(
            PGStatement(
                "SELECT \(schema).release_lease($1, $2, $3::bigint)",
                [.text(options.pipeline), .text(grant.owner), PGParameter(grant.epoch)]), within: .seconds(5))
    }

    public func takeOver(_ grant: LeaseGrant) async throws -> StoredState {
        self.grant.withLock { $0 = grant }
        // A connection of its own: an earlier one may have an unanswered COMMIT under way.
        await data.close()
        for attempt in 1...20 {
            do {
                return try await fence(grant)
            } catch let error as RelayError where error.code == .lockTimeout {
                logger.warning(
                    "an earlier writer still holds the checkpoint; ending it", metadata: ["attempt": "\(attempt)"])
                _ = try await control.query(
                    PGStatement(
                        "SELECT * FROM \(schema).end_blockers($1, $2, $3::bigint)",
                        [.text(options.pipeline), .text(grant.owner), PGParameter(grant.epoch)]))
            }
        }
        throw RelayError(
            .refused,
            "an earlier writer's session holds the checkpoint of \(options.pipeline) and could not be ended: end it "
                + "with pg_terminate_backend as a superuser", isRetriable: true)
    }

    public func load(_ grant: LeaseGrant) async throws -> StoredState { try await takeOver(grant) }

    private func fence(_ grant: LeaseGrant) async throws -> StoredState {
        let answers = try await data.pipeline(
            [
                PGStatement("BEGIN"), PGStatement("SET LOCAL lock_timeout = '300ms'"),
                PGStatement(
                    "SELECT t.stream, t.\"position\", t.checkpoint, t.revision, p.paused, p.paused_reason, \(Self.time) "
                        + "FROM \(schema).fence_takeover($1, $2, $3::bigint) t, \(schema).pipelines p "
                        + "WHERE p.pipeline = $1",
                    [.text(options.pipeline), .text(grant.owner), PGParameter(grant.epoch)]),
                PGStatement("COMMIT"),
            ], within: .seconds(15))
        let row = answers[2]
        setClock(row)
        guard let stream = row[0, "stream"].flatMap({ Int($0) }),
            let position = row[0, "position"].flatMap({ Int64($0) }),
            let revision = row[0, "revision"].flatMap({ Int64($0) })
        else {
            throw RelayError(.internalFault, "the checkpoint of \(options.pipeline) has no row", isRetriable: true)
        }
        let checkpoint = try row[0, "checkpoint"].map { try CheckpointText.decode($0, pipeline: options.pipeline) }
        let paused = row[0, "paused"] == "t" ? row[0, "paused_reason"] ?? "paused by a person" : nil
        return StoredState(
            stream: stream, position: position, revision: revision, checkpoint: checkpoint, paused: paused)
    }

    public func maintain() async throws {
        // What broke off an earlier term's upkeep is not meant for this one's.
        upkeep.wakeup.clear()
        _ = try await upkeep.query(
            PGStatement("SELECT count(*) FROM \(schema).make_partitions()"), within: .seconds(15))
        setClock(try await upkeep.query(PGStatement("SELECT \(Self.time)"), within: .seconds(15)))
        // One partition a call, so that its lock ends with it.
        while try await dropPartition() {}
    }

    /// The server's calendar, in Unix milliseconds.
    private static let time = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS server_time"

    private func setClock(_ row: PGRows) {
        if let time = row[0, "server_time"].flatMap({ Int64($0) }) { clock.set(time) }
    }

    /// True when there may be another to drop.
    private func dropPartition() async throws -> Bool {
        let rows = try await upkeep.query(
            PGStatement(
                "SELECT day, outcome, detail FROM \(schema).drop_partitions($1::interval, $2::interval)",
                [PGParameter(options.retention), PGParameter(options.retentionMax)]), within: .seconds(60))
        var hasDropped = false
        for row in 0..<rows.count where rows[row, "outcome"] != "kept" {
            hasDropped = hasDropped || rows[row, "outcome"] != "postponed"
            logger.info(
                "retention",
                metadata: [
                    "day": "\(rows[row, "day"] ?? "")", "outcome": "\(rows[row, "outcome"] ?? "")",
                    "detail": "\(rows[row, "detail"] ?? "")",
                ])
        }
        return hasDropped
    }
}

extension RelayError.Code {
    /// Another session holds a lock for longer than this one waits.
    static let lockTimeout = RelayError.Code("lock-timeout")
    /// There is no partition for today.
    static let missingPartition = RelayError.Code("missing-partition")
}
