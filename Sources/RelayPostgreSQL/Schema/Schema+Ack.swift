extension NativeSchema {
    /// Acknowledging, and keeping a lease longer. All of it belongs in the consumer's own transaction.
    static let ackFunctions = #"""
        -- Parks behind their keys what the lease passed over, as far as "upto" where a slot is named.
        CREATE FUNCTION {schema}._park_skipped(
            lease {schema}.group_leases, stream int DEFAULT NULL, slot smallint DEFAULT NULL, upto bigint DEFAULT NULL
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE _skip record;
        BEGIN
            IF cardinality(($1).skip_slots) = 0 THEN
                RETURN;
            END IF;
            SELECT array_agg(u.stream) AS streams, array_agg(u.slot) AS slots, array_agg(u.position) AS positions,
                    array_agg(u.key) AS keys INTO _skip
                FROM unnest(($1).skip_streams, ($1).skip_slots, ($1).skip_positions, ($1).skip_keys)
                    AS u(stream, slot, position, key)
                WHERE $2 IS NULL OR (u.stream = $2 AND u.slot = $3 AND u.position <= $4);
            IF _skip.streams IS NOT NULL THEN
                PERFORM {schema}._park_behind(($1)."group", _skip.streams, _skip.slots, _skip.positions, _skip.keys);
            END IF;
        END $fn$;

        CREATE FUNCTION {schema}._raise_stale("group" text, token uuid) RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            RAISE EXCEPTION 'token % of group % is stale', $2, $1
                USING ERRCODE = 'OR101', HINT = 'Roll back: its events are delivered again, or were already.';
        END $fn$;

        -- Everything that was fetched under the token, except what was rejected.
        CREATE FUNCTION {schema}.ack("group" text, token uuid)
        RETURNS void LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $fn$
        DECLARE
            _lease {schema}.group_leases := {schema}._require_lease($1, $2);
            _key record;
            _rows int;
        BEGIN
            UPDATE {schema}.group_cursors c SET position = u.upto, token = NULL
                FROM unnest(_lease.streams, _lease.slots, _lease.uptos) AS u(stream, slot, upto)
                WHERE c."group" = $1 AND c.stream = u.stream AND c.slot = u.slot AND c.token = $2;
            GET DIAGNOSTICS _rows = ROW_COUNT;
            IF _rows <> cardinality(_lease.slots) THEN
                PERFORM {schema}._raise_stale($1, $2);
            END IF;
            DELETE FROM {schema}.parked p USING unnest(_lease.streams, _lease.slots, _lease.uptos) AS u(stream, slot, upto)
                WHERE p."group" = $1 AND p.stream = u.stream AND p.slot = u.slot AND p.position <= u.upto AND p.dead;
            PERFORM {schema}._park_skipped(_lease);
            IF _lease.parked THEN
                FOR _key IN SELECT k.stream, k.slot, k.key, k.upto FROM {schema}.parked_keys k
                    WHERE k.token = $2 ORDER BY k.stream, k.slot, k.key
                LOOP
                    PERFORM {schema}._release_key($1, _key.stream, _key.slot, _key.key, _key.upto);
                END LOOP;
            END IF;
            PERFORM {schema}._clear_lease(_lease.id);
        END $fn$;

        -- One slot as far as "position", first what was parked, then what is new. Acknowledged to its end, the slot is
        -- free again; with the last one the lease ends.
        CREATE FUNCTION {schema}.ack("group" text, token uuid, stream int, slot int, "position" bigint)
        RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE
            _lease {schema}.group_leases := {schema}._require_lease($1, $2);
            _upto bigint;
            _from bigint;
            _known boolean := false;
            _key record;
        BEGIN
            FOR _key IN SELECT k.key, k.upto FROM {schema}.parked_keys k
                WHERE k.token = $2 AND k.stream = $3 AND k.slot = $4 ORDER BY k.key
            LOOP
                _known := true;
                IF $5 >= _key.upto THEN
                    PERFORM {schema}._release_key($1, $3, $4::smallint, _key.key, _key.upto, false);
                ELSE
                    DELETE FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = $3 AND p.slot = $4
                        AND p.key = _key.key AND p.position <= $5 AND NOT p.dead;
                END IF;
            END LOOP;
            SELECT u.upto INTO _upto FROM unnest(_lease.streams, _lease.slots, _lease.uptos) AS u(stream, slot, upto)
                WHERE u.stream = $3 AND u.slot = $4;
            IF FOUND THEN
                SELECT c.position INTO _from FROM {schema}.group_cursors c
                    WHERE c."group" = $1 AND c.stream = $3 AND c.slot = $4 AND c.token = $2 FOR UPDATE;
                IF NOT FOUND THEN
                    PERFORM {schema}._raise_stale($1, $2);
                END IF;
            END IF;
            IF _upto IS NULL AND NOT _known OR $5 > coalesce(_upto, $5) THEN
                RAISE EXCEPTION 'position % of slot % of stream % is not out under token %', $5, $4, $3, $2
                    USING ERRCODE = 'OR102', HINT = 'Pass stream, slot and position of a row that fetch() returned.';
            END IF;
            IF $5 > _from THEN
                UPDATE {schema}.group_cursors c SET position = $5, token = CASE WHEN $5 = _upto THEN NULL ELSE $2 END
                    WHERE c."group" = $1 AND c.stream = $3 AND c.slot = $4;
                DELETE FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = $3 AND p.slot = $4
                    AND p.position <= $5 AND p.dead;
                PERFORM {schema}._park_skipped(_lease, $3, $4::smallint, $5);
                UPDATE {schema}.group_leases l SET
                        (skip_streams, skip_slots, skip_positions, skip_keys) = (
                            SELECT coalesce(array_agg(u.stream), '{}'), coalesce(array_agg(u.slot), '{}'),
                                coalesce(array_agg(u.position), '{}'), coalesce(array_agg(u.key), '{}')
                            FROM unnest(l.skip_streams, l.skip_slots, l.skip_positions, l.skip_keys)
                                AS u(stream, slot, position, key)
                            WHERE NOT (u.stream = $3 AND u.slot = $4 AND u.position <= $5)),
                        (streams, slots, uptos) = (
                            SELECT coalesce(array_agg(u.stream), '{}'), coalesce(array_agg(u.slot), '{}'),
                                coalesce(array_agg(u.upto), '{}')
                            FROM unnest(l.streams, l.slots, l.uptos) AS u(stream, slot, upto)
                            WHERE NOT (u.stream = $3 AND u.slot = $4 AND u.upto = $5))
                    WHERE l.id = _lease.id;
            END IF;
            IF NOT EXISTS (SELECT FROM {schema}.parked_keys k WHERE k.token = $2)
                AND EXISTS (SELECT FROM {schema}.group_leases l WHERE l.id = _lease.id AND l.slots = '{}') THEN
                PERFORM {schema}._clear_lease(_lease.id);
            END IF;
        END $fn$;

        -- The lease ends this long from now, on the server's clock.
        CREATE FUNCTION {schema}.extend("group" text, token uuid, lease interval DEFAULT '30 seconds')
        RETURNS timestamptz LANGUAGE plpgsql AS $fn$
        DECLARE _lease {schema}.group_leases := {schema}._require_lease($1, $2);
        BEGIN
            UPDATE {schema}.group_leases l SET leased_until = clock_timestamp() + $3
                WHERE l.id = _lease.id RETURNING l.leased_until INTO _lease.leased_until;
            RETURN _lease.leased_until;
        END $fn$;
        """#

    /// Rejecting an event, for a while.
    static let rejectFunctions = #"""
        -- The event that is out under the token at (stream, position), with its lease locked, or OR102. attempts
        -- counts this one; parked tells whether it came from its key's queue.
        CREATE FUNCTION {schema}._require_out(
            lease {schema}.group_leases, stream int, "position" bigint, OUT event {schema}.delivery, OUT parked boolean
        ) LANGUAGE plpgsql AS $fn$
        DECLARE
            _slot smallint;
            _attempts int := 0;
        BEGIN
            SELECT p.slot, p.attempts INTO _slot, _attempts FROM {schema}.parked p
                JOIN {schema}.parked_keys k ON k."group" = p."group" AND k.stream = p.stream AND k.slot = p.slot
                    AND k.key = p.key
                WHERE k.token = ($1).token AND p."group" = ($1)."group" AND p.stream = $2 AND p.position = $3
                    AND p.position <= k.upto AND NOT p.dead;
            parked := FOUND;
            IF parked THEN
                event := {schema}._event($2, _slot, $3);
            ELSE
                FOR _slot IN SELECT u.slot FROM unnest(($1).streams, ($1).slots, ($1).uptos) AS u(stream, slot, upto)
                    JOIN {schema}.group_cursors c ON c."group" = ($1)."group" AND c.stream = u.stream
                        AND c.slot = u.slot AND c.token = ($1).token
                    WHERE u.stream = $2 AND u.upto >= $3 AND c.position < $3
                LOOP
                    event := {schema}._event($2, _slot, $3);
                    EXIT WHEN event.event_id IS NOT NULL;
                END LOOP;
                SELECT p.attempts INTO _attempts FROM {schema}.parked p WHERE p."group" = ($1)."group"
                    AND p.stream = $2 AND p.slot = event.slot AND p.position = $3;
            END IF;
            IF event.event_id IS NULL OR EXISTS (
                SELECT FROM unnest(($1).skip_streams, ($1).skip_positions) AS u(stream, position)
                WHERE u.stream = $2 AND u.position = $3) THEN
                RAISE EXCEPTION 'position % of stream % is not out under token %', $3, $2, ($1).token
                    USING ERRCODE = 'OR102', HINT = 'Pass stream and position of a row that fetch() returned.';
            END IF;
            event.attempts := coalesce(_attempts, 0) + 1;
        END $fn$;

        -- Parks the event's key: it comes again after delay, the key's later events behind it, and ack passes it.
        -- Later events of the key that are out under the token are delivered again, in order: skip them.
        CREATE FUNCTION {schema}.nack(
            "group" text, token uuid, stream int, "position" bigint, delay interval DEFAULT '1 second',
            error text DEFAULT NULL
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE
            _lease {schema}.group_leases := {schema}._require_lease($1, $2);
            _out record;
            _event {schema}.delivery;
            _upto bigint;
        BEGIN
            SELECT * INTO _out FROM {schema}._require_out(_lease, $3, $4);
            _event := _out.event;
            PERFORM {schema}._hold_keys($1, ARRAY[$3], ARRAY[_event.slot], ARRAY[_event.key], clock_timestamp() + $5);
            UPDATE {schema}.parked_keys k SET upto = $4 - 1 WHERE k."group" = $1 AND k.stream = $3
                AND k.slot = _event.slot AND k.key = _event.key AND k.token = $2 AND k.upto >= $4;
            INSERT INTO {schema}.parked AS p ("group", stream, slot, position, key, due_at, attempts, error)
                VALUES ($1, $3, _event.slot, $4, _event.key, clock_timestamp() + $5, _event.attempts, $6)
                ON CONFLICT ON CONSTRAINT parked_pkey DO UPDATE SET due_at = excluded.due_at,
                    attempts = excluded.attempts, error = excluded.error;
            SELECT u.upto INTO _upto FROM unnest(_lease.streams, _lease.slots, _lease.uptos) AS u(stream, slot, upto)
                WHERE u.stream = $3 AND u.slot = _event.slot;
            IF FOUND THEN
                UPDATE {schema}.group_leases l SET
                        skip_streams = l.skip_streams || e.streams, skip_slots = l.skip_slots || e.slots,
                        skip_positions = l.skip_positions || e.positions, skip_keys = l.skip_keys || e.keys
                    FROM (SELECT array_agg(e.stream) AS streams, array_agg(e.slot) AS slots,
                            array_agg(e.position) AS positions, array_agg(e.key) AS keys
                        FROM {schema}.events e JOIN {schema}.group_cursors c
                            ON c."group" = $1 AND c.stream = $3 AND c.slot = _event.slot
                        WHERE e.stream = $3 AND e.slot = _event.slot AND e.position > greatest($4, c.position)
                            AND e.position <= _upto AND e.key = _event.key
                            AND e.topic = ANY(coalesce(
                                (SELECT g.topics FROM {schema}.groups g WHERE g."group" = $1), ARRAY[e.topic]))
                            AND NOT EXISTS (SELECT FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = $3
                                AND p.slot = _event.slot AND p.position = e.position)
                            AND e.position <> ALL(_lease.skip_positions)) e
                    WHERE l.id = _lease.id AND e.streams IS NOT NULL;
            END IF;
        END $fn$;
        """#
}
