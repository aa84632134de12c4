extension NativeSchema {
    /// Registration and the lease: who may run a pipeline.
    static let leaseFunctions = #"""
        CREATE FUNCTION {schema}.register(
            pipeline text, partition int DEFAULT 0, generation int DEFAULT 1, family text DEFAULT NULL
        ) RETURNS int LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        DECLARE _found record;
        BEGIN
            SELECT s.stream, s.partition, s.generation INTO _found FROM {schema}.streams s WHERE s.pipeline = $1;
            IF NOT FOUND THEN
                INSERT INTO {schema}.streams AS s (pipeline, family, partition, generation)
                    VALUES ($1, coalesce($4, $1), $2, $3)
                    ON CONFLICT ON CONSTRAINT streams_pipeline_key DO NOTHING;
                SELECT s.stream, s.partition, s.generation INTO _found FROM {schema}.streams s WHERE s.pipeline = $1;
            END IF;
            IF _found.partition <> $2 OR _found.generation <> $3 THEN
                RAISE EXCEPTION 'pipeline % is registered as partition % of generation %',
                    $1, _found.partition, _found.generation
                    USING ERRCODE = 'OR004', HINT = 'A changed number of partitions needs a new generation and name.';
            END IF;
            INSERT INTO {schema}.checkpoints (pipeline, stream) VALUES ($1, _found.stream) ON CONFLICT DO NOTHING;
            INSERT INTO {schema}.pipelines (pipeline) VALUES ($1) ON CONFLICT DO NOTHING;
            RETURN _found.stream;
        END $fn$;

        -- The epoch is never lower than the checkpoint's, whatever a failover took back of the lease.
        CREATE FUNCTION {schema}.acquire_lease(
            pipeline text, owner text, ttl interval, holder text DEFAULT NULL,
            OUT acquired boolean, OUT epoch bigint, OUT stream int, OUT expires_in interval, OUT held_by text
        ) LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        DECLARE _floor bigint;
        BEGIN
            SELECT c.epoch, c.stream INTO _floor, stream FROM {schema}.checkpoints c WHERE c.pipeline = $1;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'pipeline % is not registered', $1
                    USING ERRCODE = 'OR003', HINT = 'Call register() first.';
            END IF;
            INSERT INTO {schema}.leases AS l (pipeline, owner, epoch, expires_at, holder, backend_pid)
                VALUES ($1, $2, _floor + 1, clock_timestamp() + $3, $4, pg_backend_pid())
                ON CONFLICT ON CONSTRAINT leases_pkey DO UPDATE SET
                    epoch = CASE WHEN l.owner = excluded.owner THEN l.epoch
                        ELSE greatest(l.epoch + 1, excluded.epoch) END,
                    owner = excluded.owner, expires_at = clock_timestamp() + $3, holder = excluded.holder,
                    backend_pid = excluded.backend_pid, renewed_at = clock_timestamp()
                WHERE l.owner IS NULL OR l.owner = excluded.owner OR l.expires_at <= clock_timestamp()
                RETURNING true, l.epoch, $3, l.holder INTO acquired, epoch, expires_in, held_by;
            IF NOT FOUND THEN
                SELECT false, l.epoch, l.expires_at - clock_timestamp(), coalesce(l.holder, l.owner)
                    INTO acquired, epoch, expires_in, held_by FROM {schema}.leases l WHERE l.pipeline = $1;
            END IF;
        END $fn$;

        -- False: the lease is somebody else's, or its time was up (it may be acquired again).
        CREATE FUNCTION {schema}.renew_lease(pipeline text, owner text, epoch bigint, ttl interval)
        RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.leases l SET expires_at = clock_timestamp() + $4, renewed_at = clock_timestamp()
                WHERE l.pipeline = $1 AND l.owner = $2 AND l.epoch = $3 AND l.expires_at > clock_timestamp();
            RETURN FOUND;
        END $fn$;

        CREATE FUNCTION {schema}.release_lease(pipeline text, owner text, epoch bigint)
        RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.leases l SET owner = NULL, holder = NULL, expires_at = '-infinity'
                WHERE l.pipeline = $1 AND l.owner = $2 AND l.epoch = $3;
            RETURN FOUND;
        END $fn$;
        """#

    /// The fence: takeover of the checkpoint, and the compare-and-set that every write begins with.
    static let fenceFunctions = #"""
        CREATE FUNCTION {schema}.load_checkpoint(
            pipeline text, OUT stream int, OUT "position" bigint, OUT checkpoint text, OUT owner text, OUT epoch bigint,
            OUT updated_at timestamptz
        ) LANGUAGE sql STABLE AS $fn$
            SELECT c.stream, c.position, c.checkpoint, c.owner, c.epoch, c.updated_at
                FROM {schema}.checkpoints c WHERE c.pipeline = $1
        $fn$;

        -- The second step of a takeover, in a transaction of its own after acquire_lease has committed. Waits for a
        -- writer that holds the row: set lock_timeout, and on 55P03 call end_blockers() and try again.
        CREATE FUNCTION {schema}.fence_takeover(
            pipeline text, owner text, epoch bigint,
            OUT stream int, OUT "position" bigint, OUT checkpoint text, OUT revision bigint
        ) LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        BEGIN
            UPDATE {schema}.checkpoints c SET owner = $2, epoch = $3
                WHERE c.pipeline = $1 AND (c.epoch < $3 OR (c.epoch = $3 AND c.owner = $2))
                    AND EXISTS (SELECT FROM {schema}.leases l
                        WHERE l.pipeline = $1 AND l.owner = $2 AND l.epoch = $3)
                RETURNING c.stream, c.position, c.checkpoint, c.revision INTO stream, "position", checkpoint, revision;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'pipeline % has another writer: owner % of epoch % may not take it', $1, $2, $3
                    USING ERRCODE = 'OR001', HINT = 'Acquire the lease again.';
            END IF;
        END $fn$;

        -- Ends whoever holds the checkpoint's row: the transaction in its xmax, and, where a backend that waits for
        -- it is named, whoever that one waits for. Only the holder of the lease may.
        CREATE FUNCTION {schema}.end_blockers(pipeline text, owner text, epoch bigint, waiting int DEFAULT NULL)
        RETURNS TABLE (pid int, ended boolean) LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        BEGIN
            IF NOT EXISTS (SELECT FROM {schema}.leases l WHERE l.pipeline = $1 AND l.owner = $2 AND l.epoch = $3
                AND l.expires_at > clock_timestamp()) THEN
                RAISE EXCEPTION 'pipeline %: owner % of epoch % does not hold the lease', $1, $2, $3
                    USING ERRCODE = 'OR001', HINT = 'Acquire the lease again.';
            END IF;
            RETURN QUERY
                SELECT b.pid, pg_terminate_backend(b.pid) FROM (
                    SELECT k.pid FROM {schema}.checkpoints c
                        JOIN pg_catalog.pg_locks k ON k.locktype = 'transactionid' AND k.granted
                            AND k.transactionid = c.xmax
                        WHERE c.pipeline = $1 AND c.xmax <> '0'::xid
                    UNION SELECT unnest(pg_blocking_pids($4)) WHERE $4 IS NOT NULL
                ) b WHERE b.pid IS NOT NULL AND b.pid <> 0 AND b.pid <> pg_backend_pid();
        END $fn$;

        -- First in every transaction that writes: an UPDATE that hit nothing would be no error, and the COMMIT behind
        -- it in the pipeline would go through.
        CREATE FUNCTION {schema}.advance(
            pipeline text, owner text, epoch bigint, expected bigint, new_position bigint, checkpoint text,
            expected_revision bigint DEFAULT NULL
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        DECLARE
            _today date := (now() AT TIME ZONE 'UTC')::date;
            _now record;
            _stream int;
            _new_day boolean;
        BEGIN
            UPDATE {schema}.checkpoints c SET position = $5, checkpoint = $6, revision = c.revision + 1,
                    updated_at = clock_timestamp(),
                    new_day = $5 > $4 AND c.day IS DISTINCT FROM _today,
                    day = CASE WHEN $5 > $4 THEN _today ELSE c.day END
                WHERE c.pipeline = $1 AND c.owner = $2 AND c.epoch = $3 AND c.position = $4 AND $5 >= $4
                    AND ($7 IS NULL OR c.revision = $7)
                RETURNING c.stream, c.new_day INTO _stream, _new_day;
            IF FOUND THEN
                IF _new_day THEN
                    INSERT INTO {schema}.segments (stream, first_position, day) VALUES (_stream, $4 + 1, _today);
                END IF;
                RETURN;
            END IF;
            SELECT c.owner, c.epoch, c.position INTO _now FROM {schema}.checkpoints c WHERE c.pipeline = $1;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'pipeline % is not registered', $1
                    USING ERRCODE = 'OR003', HINT = 'Call register() first.';
            ELSIF _now.owner IS DISTINCT FROM $2 OR _now.epoch <> $3 THEN
                RAISE EXCEPTION 'pipeline % is written by epoch % now, this writer is of epoch %', $1, _now.epoch, $3
                    USING ERRCODE = 'OR001', HINT = 'Stop writing and acquire the lease again.';
            ELSE
                RAISE EXCEPTION 'pipeline % is at position %, the writer expected % (to go to %)',
                    $1, _now.position, $4, $5
                    USING ERRCODE = 'OR002', HINT = 'Load the checkpoint again and resume there.';
            END IF;
        END $fn$;

        -- One payload-free notification; the relay calls it throttled, on a connection that writes nothing.
        CREATE FUNCTION {schema}.notify_events() RETURNS void LANGUAGE sql AS $fn$
            SELECT pg_notify({channel}, '')
        $fn$;
        """#
}
