extension NativeSchema {
    /// Parked keys and the bookkeeping of leases, shared by fetch, ack and nack. Names with an underscore are private.
    static let parkFunctions = #"""
        -- Appends events to their keys' queues. The key's row is locked first: whoever empties the queue at the same
        -- time either waits and sees the newcomer, or is waited for and the row is made anew.
        CREATE FUNCTION {schema}._park_behind(
            "group" text, streams int[], slots smallint[], positions bigint[], keys text[]
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            INSERT INTO {schema}.parked_keys AS k ("group", stream, slot, key, due_at)
                SELECT DISTINCT $1, u.stream, u.slot, u.key, now()
                    FROM unnest($2, $3, $5) AS u(stream, slot, key) ORDER BY u.stream, u.slot, u.key
                ON CONFLICT ON CONSTRAINT parked_keys_pkey DO UPDATE SET due_at = k.due_at;
            INSERT INTO {schema}.parked ("group", stream, slot, position, key, due_at)
                SELECT $1, u.stream, u.slot, u.position, u.key, now()
                    FROM unnest($2, $3, $4, $5) AS u(stream, slot, position, key)
                ON CONFLICT DO NOTHING;
        END $fn$;

        -- Ends the lease of a parked key: drops what was acknowledged, and its queue goes on from what is left.
        CREATE FUNCTION {schema}._release_key(
            "group" text, stream int, slot smallint, key text, upto bigint
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE _due timestamptz;
        BEGIN
            PERFORM FROM {schema}.parked_keys k
                WHERE k."group" = $1 AND k.stream = $2 AND k.slot = $3 AND k.key = $4 FOR UPDATE;
            DELETE FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = $2 AND p.slot = $3 AND p.key = $4
                AND p.position <= $5 AND NOT p.dead;
            SELECT p.due_at INTO _due FROM {schema}.parked p
                WHERE p."group" = $1 AND p.stream = $2 AND p.slot = $3 AND p.key = $4 AND NOT p.dead
                ORDER BY p.position LIMIT 1;
            IF FOUND THEN
                UPDATE {schema}.parked_keys k SET token = NULL, upto = NULL, due_at = _due
                    WHERE k."group" = $1 AND k.stream = $2 AND k.slot = $3 AND k.key = $4;
            ELSE
                DELETE FROM {schema}.parked_keys k
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
