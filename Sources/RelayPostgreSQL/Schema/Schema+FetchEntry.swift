extension NativeSchema {
    /// `fetch` itself, and how cursors move over what needs no delivery.
    static let fetchEntryFunctions = #"""
        -- Cursors that the caller has locked move; rows that remembered a dead letter before them are done with.
        CREATE FUNCTION {schema}._pass("group" text, stream int, slots smallint[], uptos bigint[])
        RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.group_cursors c SET position = u.upto FROM unnest($3, $4) AS u(slot, upto)
                WHERE c."group" = $1 AND c.stream = $2 AND c.slot = u.slot;
            DELETE FROM {schema}.parked p USING unnest($3, $4) AS u(slot, upto)
                WHERE p."group" = $1 AND p.stream = $2 AND p.slot = u.slot AND p.position <= u.upto AND p.dead;
        END $fn$;

        -- Free slots that hold nothing up to "upto" move there: always at the end of a segment, which gets no more
        -- events; in the open one only every 10,000 positions, since each move is a write.
        CREATE FUNCTION {schema}._pass_empty(
            "group" text, stream int, partition text, "from" bigint, upto bigint, closed boolean
        ) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE
            _slots smallint[];
            _positions bigint[];
        BEGIN
            EXECUTE format(
                'SELECT array_agg(c.slot), array_agg(c.position) FROM {schema}.group_cursors c'
                ' WHERE c."group" = $1 AND c.stream = $2 AND c.token IS NULL AND c.position >= $3 AND c.position < $4'
                ' AND ($5 OR c.position < $4 - 10000) AND (SELECT e.position FROM %s e WHERE e.stream = $2'
                ' AND e.slot = c.slot AND e.position > c.position AND e.position <= $4'
                ' ORDER BY e.position LIMIT 1) IS NULL', $3)
                INTO _slots, _positions USING $1, $2, $4, $5, $6;
            IF _slots IS NOT NULL THEN
                UPDATE {schema}.group_cursors c SET position = $5 FROM (
                    SELECT d.slot FROM {schema}.group_cursors d
                        JOIN unnest(_slots, _positions) AS u(slot, position) ON u.slot = d.slot
                        WHERE d."group" = $1 AND d.stream = $2 AND d.token IS NULL AND d.position = u.position
                        FOR UPDATE OF d SKIP LOCKED) l
                    WHERE c."group" = $1 AND c.stream = $2 AND c.slot = l.slot;
            END IF;
        END $fn$;

        -- Remembers that the stream holds nothing more up to head, if so: then the next poll need not look.
        CREATE FUNCTION {schema}._remember_seen("group" text, stream int, head bigint, moves int)
        RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            IF EXISTS (SELECT FROM {schema}.group_cursors c
                WHERE c."group" = $1 AND c.stream = $2 AND c.token IS NOT NULL) THEN
                RETURN false;
            END IF;
            -- In one statement with the cursors: a lease or a move that is not committed yet shows as unread events.
            -- ORDER BY ... LIMIT 1, where EXISTS would say the same: it never becomes a scan of the whole partition.
            IF EXISTS (SELECT FROM {schema}.group_cursors c WHERE c."group" = $1 AND c.stream = $2
                AND (c.token IS NOT NULL OR (c.position < $3 AND (SELECT e.position FROM {schema}.events e
                    WHERE e.stream = $2 AND e.slot = c.slot AND e.position > c.position AND e.position <= $3
                    ORDER BY e.position LIMIT 1) IS NOT NULL))) THEN
                RETURN false;
            END IF;
            UPDATE {schema}.group_streams g SET seen = $3
                FROM (SELECT FROM {schema}.group_streams h WHERE h."group" = $1 AND h.stream = $2
                    AND h.moves = $4 AND h.seen < $3 FOR UPDATE SKIP LOCKED) l
                WHERE g."group" = $1 AND g.stream = $2;
            RETURN true;
        END $fn$;

        -- Leases as many slots as fill the limit under one token and returns their next events. Generic plans: with
        -- plans made anew for each call, planning takes half the time. A clause of the function, not session state.
        CREATE FUNCTION {schema}.fetch(
            "group" text, consumer text, lease interval DEFAULT '30 seconds', "limit" int DEFAULT 100
        ) RETURNS SETOF {schema}.delivery LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $fn$
        #variable_conflict use_column
        DECLARE
            _group {schema}.groups;
            _stream record;
            _left int := $4;
            _lease int;
            _token uuid;
            _rows int;
            _parked boolean := false;
            _earlier int[];
            _unfinished int[];
            _blocked smallint[];
        BEGIN
            IF $4 < 1 OR $3 <= interval '0' THEN
                RAISE EXCEPTION 'fetch needs a limit of at least 1 and a lease that is longer than nothing'
                    USING ERRCODE = '22023';
            END IF;
            _group := {schema}._require_group($1);
            IF _group.paused THEN
                RETURN;
            END IF;
            PERFORM {schema}._reap($1);
            PERFORM FROM {schema}.streams s WHERE (_group.streams IS NULL OR s.stream = ANY(_group.streams))
                AND NOT EXISTS (SELECT FROM {schema}.group_streams g WHERE g."group" = $1 AND g.stream = s.stream);
            IF FOUND THEN
                PERFORM {schema}._sync_streams($1, _group.streams);
            END IF;
            _parked := EXISTS (SELECT FROM {schema}.parked_keys k
                WHERE k."group" = $1 AND k.token IS NULL AND k.due_at <= clock_timestamp());
            IF NOT _parked AND NOT EXISTS (SELECT FROM {schema}.group_streams g
                JOIN {schema}.checkpoints h ON h.stream = g.stream WHERE g."group" = $1 AND h.position > g.seen) THEN
                RETURN;
            END IF;

            SELECT l.id INTO _lease FROM {schema}.group_leases l
                WHERE l."group" = $1 AND l.token IS NULL LIMIT 1 FOR UPDATE SKIP LOCKED;
            IF NOT FOUND THEN
                INSERT INTO {schema}.group_leases AS l ("group") VALUES ($1) RETURNING l.id INTO _lease;
            END IF;
            _token := (lpad(to_hex(_lease), 8, '0') || substr(gen_random_uuid()::text, 9))::uuid;

            IF _parked THEN
                -- Before anything is read, so that nobody parks behind a key that this deletes.
                PERFORM {schema}._drop_empty_keys($1, _left);
                -- In the order of positions, so that acknowledging a slot step by step passes nothing unseen.
                RETURN QUERY SELECT * FROM {schema}._fetch_parked($1, _token, _left) ORDER BY 2, 3, 4;
                GET DIAGNOSTICS _rows = ROW_COUNT;
                _parked := _rows > 0;
                _left := _left - _rows;
            END IF;
            FOR _stream IN SELECT g.stream, g.moves, h.position AS head, s.family, s.generation
                FROM {schema}.group_streams g JOIN {schema}.checkpoints h ON h.stream = g.stream
                    JOIN {schema}.streams s ON s.stream = g.stream
                WHERE g."group" = $1 AND h.position > g.seen
                    AND (_group.streams IS NULL OR g.stream = ANY(_group.streams))
                ORDER BY random()
            LOOP
                EXIT WHEN _left <= 0;
                _blocked := NULL;
                SELECT array_agg(s.stream), array_agg(s.stream) FILTER (WHERE h.position > g.seen)
                    INTO _earlier, _unfinished
                    FROM {schema}.streams s JOIN {schema}.checkpoints h ON h.stream = s.stream
                        JOIN {schema}.group_streams g ON g."group" = $1 AND g.stream = s.stream
                    WHERE s.family = _stream.family AND s.generation < _stream.generation;
                IF _unfinished IS NOT NULL THEN
                    SELECT array_agg(DISTINCT c.slot) INTO _blocked FROM {schema}.group_cursors c
                        WHERE c."group" = $1 AND c.stream = ANY(_unfinished)
                            AND (c.token IS NOT NULL OR (SELECT e.position FROM {schema}.events e
                                WHERE e.stream = c.stream AND e.slot = c.slot AND e.position > c.position
                                ORDER BY e.position LIMIT 1) IS NOT NULL);
                END IF;
                -- A filter may pass over all that one round reads: a few more, so that a poll is not lost on it.
                FOR _round IN 1 .. CASE WHEN _group.topics IS NULL THEN 1 ELSE 20 END LOOP
                    RETURN QUERY SELECT * FROM {schema}._fetch_stream($1, _stream.stream, _stream.head, _lease, _token,
                        _left, _group.topics, _blocked, _earlier || _stream.stream);
                    GET DIAGNOSTICS _rows = ROW_COUNT;
                    _left := _left - _rows;
                    EXIT WHEN _rows > 0;
                    EXIT WHEN {schema}._remember_seen($1, _stream.stream, _stream.head, _stream.moves);
                END LOOP;
            END LOOP;
            IF _left < $4 THEN
                UPDATE {schema}.group_leases l SET token = _token, consumer = $2, parked = _parked,
                        leased_until = clock_timestamp() + $3
                    WHERE l.id = _lease;
            END IF;
        END $fn$;
        """#
}
