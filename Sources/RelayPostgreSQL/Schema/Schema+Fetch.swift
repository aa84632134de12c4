extension NativeSchema {
    /// The two sources of a fetch: keys that were parked and are due, and the log itself.
    static let fetchFunctions = #"""
        -- Due keys, each with its run of events in order. Only what the cursor has passed: an event that was rejected
        -- while its predecessors are still out waits for them.
        CREATE FUNCTION {schema}._fetch_parked("group" text, token uuid, "limit" int)
        RETURNS SETOF {schema}.delivery LANGUAGE plpgsql AS $fn$
        DECLARE
            _key record;
            _parked record;
            _left int := $3;
            _upto bigint;
            _event {schema}.delivery;
        BEGIN
            FOR _key IN SELECT k.stream, k.slot, k.key, c.position FROM {schema}.parked_keys k
                JOIN {schema}.group_cursors c ON c."group" = k."group" AND c.stream = k.stream AND c.slot = k.slot
                JOIN {schema}.streams s ON s.stream = k.stream
                WHERE k."group" = $1 AND k.token IS NULL AND k.due_at <= clock_timestamp()
                    AND EXISTS (SELECT FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = k.stream
                        AND p.slot = k.slot AND p.key = k.key AND NOT p.dead AND p.position <= c.position)
                    AND NOT EXISTS (SELECT FROM {schema}.parked_keys o JOIN {schema}.streams t ON t.stream = o.stream
                        WHERE o."group" = $1 AND o.slot = k.slot AND o.key = k.key
                            AND t.family = s.family AND t.generation < s.generation)
                ORDER BY k.due_at LIMIT $3 FOR NO KEY UPDATE OF k SKIP LOCKED
            LOOP
                EXIT WHEN _left <= 0;
                _upto := NULL;
                FOR _parked IN SELECT p.position, p.attempts, p.due_at FROM {schema}.parked p
                    WHERE p."group" = $1 AND p.stream = _key.stream AND p.slot = _key.slot AND p.key = _key.key
                        AND NOT p.dead AND p.position <= _key.position
                    ORDER BY p.position LIMIT _left
                LOOP
                    EXIT WHEN _parked.due_at > clock_timestamp();
                    _event := {schema}._event(_key.stream, _key.slot, _parked.position);
                    IF _event.event_id IS NULL THEN
                        -- Its day was dropped, which group_losses has on record.
                        DELETE FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = _key.stream
                            AND p.slot = _key.slot AND p.position = _parked.position;
                        CONTINUE;
                    END IF;
                    _event.token := $2;
                    _event.attempts := _parked.attempts;
                    _upto := _parked.position;
                    _left := _left - 1;
                    RETURN NEXT _event;
                END LOOP;
                IF _upto IS NULL THEN
                    PERFORM {schema}._release_key($1, _key.stream, _key.slot, _key.key, -1);
                ELSE
                    UPDATE {schema}.parked_keys k SET token = $2, upto = _upto WHERE k."group" = $1
                        AND k.stream = _key.stream AND k.slot = _key.slot AND k.key = _key.key;
                END IF;
            END LOOP;
        END $fn$;

        -- The next events of free slots of one stream, as far as head. Reads each segment's partition by name: no
        -- other partition is locked or planned for. Slots are chosen without locks and taken one by one, so that
        -- consumers do not lock what they do not use.
        CREATE FUNCTION {schema}._fetch_stream(
            "group" text, stream int, head bigint, lease int, token uuid, "limit" int, topics text[],
            blocked smallint[], related int[]
        ) RETURNS SETOF {schema}.delivery LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        DECLARE
            _left int := $6;
            _budget int;
            _low bigint;
            _from bigint := -1;
            _upto bigint;
            _segment record;
            _ref text;
            _cursor refcursor;
            _slot smallint;
            _position bigint;
            _count bigint;
            _end bigint;
            _ends bigint[];
            _slots smallint[];
            _positions bigint[];
            _any_parked boolean;
            _row record;
            _event {schema}.delivery;
            _current smallint;
            _last bigint;
            _sent int;
            _keys text[];
            _lows bigint[];
            _dead bigint[];
            _index int;
            _skipped bigint[];
            _skipped_keys text[];
            _take_slots smallint[] := '{}';
            _take_uptos bigint[] := '{}';
            _skip_slots smallint[] := '{}';
            _skip_positions bigint[] := '{}';
            _skip_keys text[] := '{}';
            _pass_slots smallint[];
            _pass_uptos bigint[];
        BEGIN
            SELECT min(c.position) INTO _low FROM {schema}.group_cursors c
                WHERE c."group" = $1 AND c.stream = $2 AND c.token IS NULL;
            IF _low IS NULL OR _low >= $3 THEN
                RETURN;
            END IF;
            FOR _segment IN SELECT g.first, g.last, 'events_' || to_char(g.day, 'YYYYMMDD') AS name FROM (
                SELECT s.day, s.first_position AS first, lead(s.first_position) OVER (ORDER BY s.first_position) - 1 AS last
                    FROM {schema}.segments s WHERE s.stream = $2) g
                WHERE g.first <= $3 AND (g.last IS NULL OR g.last > _low) ORDER BY g.first
            LOOP
                _upto := least(coalesce(_segment.last, $3), $3);
                _ref := format('%I.%I', {schema_literal}, _segment.name);
                CONTINUE WHEN to_regclass(_ref) IS NULL;
                -- With a filter most of what is read may be passed over: read more at a time, within a bound.
                _budget := CASE WHEN $7 IS NULL THEN _left ELSE greatest(_left * 10, 2000) END;
                _slots := '{}';
                _positions := '{}';
                _ends := '{}';
                -- Values in the text, not as parameters: the generic plan that fetch() asks for suits no slot.
                OPEN _cursor FOR EXECUTE format(
                    'SELECT c.slot, c.position, x.n, x.upto FROM (SELECT c.slot, c.position'
                    ' FROM {schema}.group_cursors c'
                    ' WHERE c."group" = %1$L AND c.stream = %2$s AND c.token IS NULL AND c.position >= %3$s'
                    ' AND c.position < %4$s AND c.slot <> ALL(%5$L::smallint[])'
                    ' ORDER BY (c.slot + %6$s) & 255 OFFSET 0) c CROSS JOIN LATERAL ('
                    'SELECT count(*) AS n, max(y.position) AS upto FROM ('
                    'SELECT e.position FROM %8$s e WHERE e.stream = %2$s AND e.slot = c.slot'
                    ' AND e.position > c.position AND e.position <= %4$s ORDER BY e.position LIMIT %7$s) y) x'
                    ' WHERE x.n > 0',
                    $1, $2, _from, _upto, coalesce($8, '{}'), floor(random() * 256)::int, _budget, _ref);
                LOOP
                    FETCH _cursor INTO _slot, _position, _count, _end;
                    EXIT WHEN NOT FOUND;
                    PERFORM FROM {schema}.group_cursors c WHERE c."group" = $1 AND c.stream = $2 AND c.slot = _slot
                        AND c.token IS NULL AND c.position = _position FOR UPDATE SKIP LOCKED;
                    IF FOUND THEN
                        _slots := _slots || _slot;
                        _positions := _positions || _position;
                        _ends := _ends || _end;
                        _budget := _budget - _count;
                        EXIT WHEN _budget <= 0;
                    END IF;
                END LOOP;
                CLOSE _cursor;

                -- After the locks, in a snapshot of its own: what the slots' last holders parked is seen.
                _any_parked := EXISTS (SELECT FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = ANY($9));
                IF cardinality(_slots) > 0 AND $7 IS NULL AND NOT _any_parked THEN
                    -- Nothing to leave out: the rows go straight through. Only the last slot may hold too many.
                    IF _budget < 0 THEN
                        EXECUTE format('SELECT e.position FROM %s e WHERE e.stream = $1 AND e.slot = $2'
                            ' AND e.position > $3 ORDER BY e.position OFFSET $4 LIMIT 1', _ref)
                            INTO _end USING $2, _slot, _position, _count + _budget - 1;
                        _ends[cardinality(_ends)] := _end;
                    END IF;
                    RETURN QUERY EXECUTE format(
                        'SELECT $4, e.stream, e.slot, e.position, e.event_id, e.topic, e.type, e.key, e.headers,'
                        ' e.payload, e.schema_version, e.occurred_at, e.traceparent, e.enqueued_at, 0'
                        ' FROM unnest($1, $2, $5) WITH ORDINALITY u(slot, position, upto, n) CROSS JOIN LATERAL ('
                        'SELECT * FROM %s e WHERE e.stream = $3 AND e.slot = u.slot AND e.position > u.position'
                        ' AND e.position <= u.upto ORDER BY e.position LIMIT $6) e ORDER BY u.n, e.position', _ref)
                        USING _slots, _positions, $2, $5, _ends, _left;
                    _left := greatest(_budget, 0);
                    _take_slots := _take_slots || _slots;
                    _take_uptos := _take_uptos || _ends;
                ELSIF cardinality(_slots) > 0 THEN
                    _budget := CASE WHEN $7 IS NULL THEN _left ELSE greatest(_left * 10, 2000) END;
                    _current := NULL;
                    _last := NULL;
                    _pass_slots := '{}';
                    _pass_uptos := '{}';
                    FOR _row IN EXECUTE format(
                        'SELECT e.*, u.position AS base FROM unnest($1, $2) WITH ORDINALITY u(slot, position, n)'
                        ' CROSS JOIN LATERAL (SELECT * FROM %s e WHERE e.stream = $3 AND e.slot = u.slot'
                        ' AND e.position > u.position AND e.position <= $4 ORDER BY e.position LIMIT $5) e'
                        ' ORDER BY u.n, e.position LIMIT $5', _ref) USING _slots, _positions, $2, _upto, _budget
                    LOOP
                        EXIT WHEN _left <= 0;
                        IF _current IS DISTINCT FROM _row.slot THEN
                            IF _last IS NOT NULL THEN
                                {finish_slot}
                            END IF;
                            _current := _row.slot;
                            _sent := 0;
                            _skipped := '{}';
                            _skipped_keys := '{}';
                            _keys := NULL;
                            _dead := NULL;
                            IF _any_parked THEN
                                SELECT array_agg(q.key), array_agg(q.low) INTO _keys, _lows FROM (
                                    SELECT p.key, min(CASE WHEN p.stream = $2 THEN p.position ELSE 0 END) AS low
                                    FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = ANY($9)
                                        AND p.slot = _current AND NOT p.dead AND (p.stream <> $2 OR NOT EXISTS (
                                            SELECT FROM {schema}.parked_keys k WHERE k."group" = $1
                                            AND k.stream = p.stream AND k.slot = p.slot AND k.key = p.key
                                            AND k.token = $5 AND p.position <= k.upto))
                                    GROUP BY p.key) q;
                                SELECT array_agg(p.position) INTO _dead FROM {schema}.parked p
                                    WHERE p."group" = $1 AND p.stream = $2 AND p.slot = _current
                                        AND p.position > _row.base AND p.dead;
                            END IF;
                        END IF;
                        _last := _row.position;
                        CONTINUE WHEN _row.topic <> ALL($7) OR _row.position = ANY(_dead);
                        _index := array_position(_keys, _row.key);
                        IF _index IS NOT NULL AND _row.position >= _lows[_index] THEN
                            _skipped := _skipped || _row.position;
                            _skipped_keys := _skipped_keys || _row.key;
                            CONTINUE;
                        END IF;
                        _event := ROW($5, _row.stream, _row.slot, _row.position, _row.event_id, _row.topic, _row.type,
                            _row.key, _row.headers, _row.payload, _row.schema_version, _row.occurred_at,
                            _row.traceparent, _row.enqueued_at, 0);
                        _sent := _sent + 1;
                        _left := _left - 1;
                        RETURN NEXT _event;
                    END LOOP;
                    IF _last IS NOT NULL THEN
                        {finish_slot}
                    END IF;
                    IF cardinality(_pass_slots) > 0 THEN
                        PERFORM {schema}._pass($1, $2, _pass_slots, _pass_uptos);
                    END IF;
                END IF;
                EXIT WHEN _left <= 0;
                PERFORM {schema}._pass_empty($1, $2, _ref, _from, _upto, _segment.last IS NOT NULL AND _segment.last <= $3);
                _from := _upto;
            END LOOP;
            IF cardinality(_take_slots) > 0 THEN
                UPDATE {schema}.group_cursors c SET token = $5 FROM unnest(_take_slots) AS u(slot)
                    WHERE c."group" = $1 AND c.stream = $2 AND c.slot = u.slot;
                UPDATE {schema}.group_leases l SET
                        streams = l.streams || array_fill($2, ARRAY[cardinality(_take_slots)]),
                        slots = l.slots || _take_slots, uptos = l.uptos || _take_uptos,
                        skip_streams = l.skip_streams || CASE WHEN _skip_slots = '{}' THEN '{}'
                            ELSE array_fill($2, ARRAY[cardinality(_skip_slots)]) END,
                        skip_slots = l.skip_slots || _skip_slots,
                        skip_positions = l.skip_positions || _skip_positions, skip_keys = l.skip_keys || _skip_keys
                    WHERE l.id = $4;
            END IF;
        END $fn$;
        """#.replacingFinishSlot()
}

extension String {
    /// What happens to a slot once its rows are read: leased if anything of it goes out, passed over if nothing does.
    fileprivate func replacingFinishSlot() -> String {
        let finish = #"""
            IF _sent > 0 THEN
                _take_slots := _take_slots || _current;
                _take_uptos := _take_uptos || _last;
                _skip_slots := _skip_slots || array_fill(_current, ARRAY[cardinality(_skipped)]);
                _skip_positions := _skip_positions || _skipped;
                _skip_keys := _skip_keys || _skipped_keys;
            ELSE
                _pass_slots := _pass_slots || _current;
                _pass_uptos := _pass_uptos || _last;
                IF _skipped <> '{}' THEN
                    PERFORM {schema}._park_behind($1, array_fill($2, ARRAY[cardinality(_skipped)]),
                        array_fill(_current, ARRAY[cardinality(_skipped)]), _skipped, _skipped_keys);
                END IF;
            END IF;
            """#
        return split(separator: "{finish_slot}", omittingEmptySubsequences: false).joined(separator: finish)
    }
}
