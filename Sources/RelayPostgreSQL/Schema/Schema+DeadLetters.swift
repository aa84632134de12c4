extension NativeSchema {
    /// Giving up on an event, on either side of the queue, and taking it up again.
    static let deadLetterFunctions = #"""
        -- The event, whole, goes to group_dead_letters; ack passes it and its key goes on.
        CREATE FUNCTION {schema}.dead_letter(
            "group" text, token uuid, stream int, "position" bigint, error text DEFAULT NULL
        ) RETURNS bigint LANGUAGE plpgsql AS $fn$
        DECLARE
            _lease {schema}.group_leases := {schema}._require_lease($1, $2);
            _out record;
            _event {schema}.delivery;
            _id bigint;
        BEGIN
            SELECT * INTO _out FROM {schema}._require_out(_lease, $3, $4);
            _event := _out.event;
            INSERT INTO {schema}.group_dead_letters AS d ("group", stream, slot, position, event_id, topic, type, key,
                    headers, payload, schema_version, occurred_at, traceparent, enqueued_at, attempts, error, consumer)
                VALUES ($1, $3, _event.slot, $4, _event.event_id, _event.topic, _event.type, _event.key,
                    _event.headers, _event.payload, _event.schema_version, _event.occurred_at, _event.traceparent,
                    _event.enqueued_at, _event.attempts, $5, _lease.consumer)
                RETURNING d.id INTO _id;
            IF _out.parked THEN
                DELETE FROM {schema}.parked p
                    WHERE p."group" = $1 AND p.stream = $3 AND p.slot = _event.slot AND p.position = $4;
            ELSE
                -- The cursor may never pass if this lease expires: remember until it does.
                INSERT INTO {schema}.parked AS p ("group", stream, slot, position, key, due_at, attempts, dead)
                    VALUES ($1, $3, _event.slot, $4, _event.key, 'infinity', _event.attempts, true)
                    ON CONFLICT ON CONSTRAINT parked_pkey DO UPDATE SET dead = true;
                IF EXISTS (SELECT FROM {schema}.parked_keys k WHERE k."group" = $1 AND k.stream = $3
                    AND k.slot = _event.slot AND k.key = _event.key AND k.token IS NULL) THEN
                    PERFORM {schema}._drop_key($1, $3, _event.slot, _event.key);
                END IF;
            END IF;
            RETURN _id;
        END $fn$;

        -- Delivers dead letters again: all of the group's, or those named. Each waits in its key's queue, before what
        -- is parked there, and is due at once. Those whose events were dropped since stay dead, and for now those
        -- whose key is out under a token.
        CREATE FUNCTION {schema}.redrive("group" text, ids bigint[] DEFAULT NULL)
        RETURNS int LANGUAGE plpgsql AS $fn$
        DECLARE
            _letter record;
            _leased uuid;
            _count int := 0;
        BEGIN
            PERFORM {schema}._require_group($1);
            FOR _letter IN SELECT d.id, d.stream, d.slot, d.position, d.key FROM {schema}.group_dead_letters d
                WHERE d."group" = $1 AND d.state = 'dead' AND ($2 IS NULL OR d.id = ANY($2))
                ORDER BY d.stream, d.slot, d.key, d.position FOR UPDATE SKIP LOCKED
            LOOP
                CONTINUE WHEN ({schema}._event(_letter.stream, _letter.slot, _letter.position)).event_id IS NULL;
                INSERT INTO {schema}.parked_keys AS k ("group", stream, slot, key, due_at)
                    VALUES ($1, _letter.stream, _letter.slot, _letter.key, now())
                    ON CONFLICT ON CONSTRAINT parked_keys_pkey DO UPDATE SET
                        due_at = CASE WHEN k.token IS NULL THEN now() ELSE k.due_at END
                    RETURNING k.token INTO _leased;
                -- Its key is out with a consumer, whose ack would take this event along, unseen.
                CONTINUE WHEN _leased IS NOT NULL;
                INSERT INTO {schema}.parked AS p ("group", stream, slot, position, key, due_at)
                    VALUES ($1, _letter.stream, _letter.slot, _letter.position, _letter.key, now())
                    ON CONFLICT ON CONSTRAINT parked_pkey DO UPDATE SET dead = false, due_at = now(), attempts = 0;
                UPDATE {schema}.group_dead_letters d SET state = 'redriven', resolved_at = now()
                    WHERE d.id = _letter.id;
                _count := _count + 1;
            END LOOP;
            RETURN _count;
        END $fn$;

        -- Marks dead letters of the relay as dealt with. Nothing is deleted.
        CREATE FUNCTION {schema}.resolve_dead_letters(pipeline text, ids bigint[], state text)
        RETURNS int LANGUAGE plpgsql AS $fn$
        DECLARE _rows int;
        BEGIN
            UPDATE {schema}.dead_letters d SET state = $3, resolved_at = clock_timestamp()
                WHERE d.pipeline = $1 AND d.id = ANY($2) AND d.state = 'dead';
            GET DIAGNOSTICS _rows = ROW_COUNT;
            RETURN _rows;
        END $fn$;

        CREATE FUNCTION {schema}.discard("group" text, ids bigint[]) RETURNS int LANGUAGE plpgsql AS $fn$
        DECLARE _rows int;
        BEGIN
            UPDATE {schema}.group_dead_letters d SET state = 'discarded', resolved_at = clock_timestamp()
                WHERE d."group" = $1 AND d.id = ANY($2) AND d.state = 'dead';
            GET DIAGNOSTICS _rows = ROW_COUNT;
            RETURN _rows;
        END $fn$;
        """#
}
