extension NativeSchema {
    /// Parked keys and the bookkeeping of leases, shared by fetch, ack and nack. Names with an underscore are private.
    static let parkFunctions = #"""
        -- Makes rows for keys that have none, and keeps those that are there from being deleted until the transaction
        -- ends. It is the weakest lock that does: whoever leases such a key, or lets go of it, does not wait for this,
        -- nor this for them. Consumers hold some keys, in whatever order fetch() gave them, while they park behind
        -- others; if they waited for one another here, two of them would do so for ever.
        CREATE FUNCTION {schema}._hold_keys(
            "group" text, streams int[], slots smallint[], keys text[], due timestamptz
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE
            _wanted int;
            _held int;
        BEGIN
            SELECT count(*) INTO _wanted FROM (
                SELECT DISTINCT u.stream, u.slot, u.key FROM unnest($2, $3, $4) AS u(stream, slot, key)) d;
            LOOP
                -- Only those that are missing: ON CONFLICT waits for whoever is changing the row.
                INSERT INTO {schema}.parked_keys AS k ("group", stream, slot, key, due_at)
                    SELECT DISTINCT $1, u.stream, u.slot, u.key, $5 FROM unnest($2, $3, $4) AS u(stream, slot, key)
                        WHERE NOT EXISTS (SELECT FROM {schema}.parked_keys o WHERE o."group" = $1
                            AND o.stream = u.stream AND o.slot = u.slot AND o.key = u.key)
                        ORDER BY u.stream, u.slot, u.key
                    ON CONFLICT DO NOTHING;
                PERFORM FROM {schema}.parked_keys k
                    WHERE k."group" = $1 AND (k.stream, k.slot, k.key) IN (
                        SELECT u.stream, u.slot, u.key FROM unnest($2, $3, $4) AS u(stream, slot, key))
                    ORDER BY k.stream, k.slot, k.key FOR KEY SHARE OF k;
                GET DIAGNOSTICS _held = ROW_COUNT;
                -- One that was being deleted is gone now, and is made anew.
                EXIT WHEN _held >= _wanted;
            END LOOP;
        END $fn$;

        -- Appends events to their keys' queues. The key's row is held first: whoever empties the queue at the same
        -- time either leaves the row, or is waited for and the row is made anew.
        CREATE FUNCTION {schema}._park_behind(
            "group" text, streams int[], slots smallint[], positions bigint[], keys text[]
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            PERFORM {schema}._hold_keys($1, $2, $3, $5, now());
            INSERT INTO {schema}.parked ("group", stream, slot, position, key, due_at)
                SELECT $1, u.stream, u.slot, u.position, u.key, now()
                    FROM unnest($2, $3, $4, $5) AS u(stream, slot, position, key)
                ON CONFLICT DO NOTHING;
        END $fn$;

        -- Deletes a key's row if its queue is empty and nobody is adding to it. Waits for nobody.
        CREATE FUNCTION {schema}._drop_key("group" text, stream int, slot smallint, key text)
        RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            PERFORM FROM {schema}.parked_keys k
                WHERE k."group" = $1 AND k.stream = $2 AND k.slot = $3 AND k.key = $4 FOR UPDATE SKIP LOCKED;
            IF NOT FOUND THEN
                RETURN false;
            END IF;
            -- Behind the lock, in a snapshot of its own: what others have parked until then is seen.
            DELETE FROM {schema}.parked_keys k
                WHERE k."group" = $1 AND k.stream = $2 AND k.slot = $3 AND k.key = $4 AND NOT EXISTS (
                    SELECT FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = $2 AND p.slot = $3
                        AND p.key = $4 AND NOT p.dead);
            RETURN FOUND;
        END $fn$;

        -- Rows of keys whose queues were left empty: by acknowledging a slot, or because somebody was adding to them
        -- and rolled back. Among the keys that are due longest: they get there.
        CREATE FUNCTION {schema}._drop_empty_keys("group" text, "limit" int) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE _key record;
        BEGIN
            FOR _key IN SELECT k.stream, k.slot, k.key FROM (
                SELECT o.stream, o.slot, o.key FROM {schema}.parked_keys o
                    WHERE o."group" = $1 AND o.token IS NULL AND o.due_at <= clock_timestamp()
                    ORDER BY o.due_at LIMIT $2) k
                WHERE NOT EXISTS (SELECT FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = k.stream
                    AND p.slot = k.slot AND p.key = k.key AND NOT p.dead)
            LOOP
                PERFORM {schema}._drop_key($1, _key.stream, _key.slot, _key.key);
            END LOOP;
        END $fn$;

        -- Ends the lease of a parked key: drops what was acknowledged, and its queue goes on from what is left. An empty
        -- one is deleted, unless the transaction may yet park behind others: then the next fetch does that.
        CREATE FUNCTION {schema}._release_key(
            "group" text, stream int, slot smallint, key text, upto bigint, "drop" boolean DEFAULT true
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE _due timestamptz;
        BEGIN
            DELETE FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = $2 AND p.slot = $3 AND p.key = $4
                AND p.position <= $5 AND NOT p.dead;
            SELECT p.due_at INTO _due FROM {schema}.parked p
                WHERE p."group" = $1 AND p.stream = $2 AND p.slot = $3 AND p.key = $4 AND NOT p.dead
                ORDER BY p.position LIMIT 1;
            IF FOUND OR NOT $6 OR NOT {schema}._drop_key($1, $2, $3, $4) THEN
                -- Where somebody is adding to an empty queue, what they add is due at once.
                UPDATE {schema}.parked_keys k SET token = NULL, upto = NULL, due_at = coalesce(_due, now())
                    WHERE k."group" = $1 AND k.stream = $2 AND k.slot = $3 AND k.key = $4;
            END IF;
        END $fn$;

        -- The row of group_leases that a token names: its first four bytes. Null for a token that was never ours.
        CREATE FUNCTION {schema}._lease_id(token uuid) RETURNS int LANGUAGE sql IMMUTABLE AS $fn$
            SELECT ('x' || left($1::text, 8))::bit(32)::int
        $fn$;

        -- The lease behind a token, locked, or OR101.
        CREATE FUNCTION {schema}._require_lease("group" text, token uuid)
        RETURNS {schema}.group_leases LANGUAGE plpgsql AS $fn$
        DECLARE _lease {schema}.group_leases;
        BEGIN
            SELECT * INTO _lease FROM {schema}.group_leases l
                WHERE l.id = {schema}._lease_id($2) AND l.token = $2 AND l."group" = $1 FOR UPDATE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'token % of group % is stale', $2, $1
                    USING ERRCODE = 'OR101', HINT = 'Roll back: its events are delivered again, or were already.';
            END IF;
            RETURN _lease;
        END $fn$;

        -- Frees what expired leases held. One that is being acknowledged right now is locked, and left alone.
        CREATE FUNCTION {schema}._reap("group" text) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE
            _lease {schema}.group_leases;
            _key record;
        BEGIN
            FOR _lease IN SELECT * FROM {schema}.group_leases l
                WHERE l."group" = $1 AND l.token IS NOT NULL AND l.leased_until < clock_timestamp()
                ORDER BY l.id FOR UPDATE SKIP LOCKED
            LOOP
                UPDATE {schema}.group_cursors c SET token = NULL
                    FROM unnest(_lease.streams, _lease.slots) AS u(stream, slot)
                    WHERE c."group" = $1 AND c.stream = u.stream AND c.slot = u.slot AND c.token = _lease.token;
                IF _lease.parked THEN
                    FOR _key IN SELECT k.stream, k.slot, k.key FROM {schema}.parked_keys k
                        WHERE k.token = _lease.token ORDER BY k.stream, k.slot, k.key
                    LOOP
                        PERFORM {schema}._release_key($1, _key.stream, _key.slot, _key.key, -1);
                    END LOOP;
                END IF;
                PERFORM {schema}._clear_lease(_lease.id);
            END LOOP;
        END $fn$;

        CREATE FUNCTION {schema}._clear_lease(id int) RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.group_leases l SET token = NULL, streams = '{}', slots = '{}', uptos = '{}',
                    skip_streams = '{}', skip_slots = '{}', skip_positions = '{}', skip_keys = '{}', parked = false
                WHERE l.id = $1;
        END $fn$;

        -- One event of the log, through the partition that its segment names.
        CREATE FUNCTION {schema}._event(stream int, slot smallint, "position" bigint)
        RETURNS {schema}.delivery LANGUAGE plpgsql AS $fn$
        DECLARE
            _partition text;
            _event {schema}.delivery;
        BEGIN
            SELECT 'events_' || to_char(s.day, 'YYYYMMDD') INTO _partition FROM {schema}.segments s
                WHERE s.stream = $1 AND s.first_position <= $3 ORDER BY s.first_position DESC LIMIT 1;
            IF to_regclass(format('%I.%I', {schema_literal}, _partition)) IS NULL THEN
                RETURN NULL;
            END IF;
            EXECUTE format('SELECT NULL::uuid, e.stream, e.slot, e.position, e.event_id, e.topic, e.type, e.key,'
                ' e.headers, e.payload, e.schema_version, e.occurred_at, e.traceparent, e.enqueued_at, 0'
                ' FROM %I.%I e WHERE e.stream = $1 AND e.slot = $2 AND e.position = $3', {schema_literal}, _partition)
                INTO _event USING $1, $2, $3;
            RETURN _event;
        END $fn$;
        """#
}
