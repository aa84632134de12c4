extension NativeSchema {
    /// Groups: subscribe, pause, where they stand.
    static let groupFunctions = #"""
        CREATE FUNCTION {schema}._require_group("group" text) RETURNS {schema}.groups LANGUAGE plpgsql AS $fn$
        DECLARE _group {schema}.groups;
        BEGIN
            SELECT * INTO _group FROM {schema}.groups g WHERE g."group" = $1;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'there is no group %', $1
                    USING ERRCODE = 'OR103', HINT = 'Call subscribe() first.';
            END IF;
            RETURN _group;
        END $fn$;

        -- Gives the group cursors for the streams that appeared since: at 0, whatever the group's start was.
        CREATE FUNCTION {schema}._sync_streams("group" text, streams int[]) RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            INSERT INTO {schema}.group_cursors ("group", stream, slot)
                SELECT $1, s.stream, n.slot FROM {schema}.streams s CROSS JOIN generate_series(0, 255) n(slot)
                WHERE ($2 IS NULL OR s.stream = ANY($2)) AND NOT EXISTS (
                    SELECT FROM {schema}.group_streams g WHERE g."group" = $1 AND g.stream = s.stream)
                ORDER BY s.stream, n.slot ON CONFLICT DO NOTHING;
            INSERT INTO {schema}.group_streams ("group", stream)
                SELECT DISTINCT $1, c.stream FROM {schema}.group_cursors c WHERE c."group" = $1
                ON CONFLICT DO NOTHING;
        END $fn$;

        -- The position before the first event at or after "to": beginning, end, or a time. A time scans one day.
        CREATE FUNCTION {schema}._start_position(stream int, "to" text) RETURNS bigint LANGUAGE plpgsql AS $fn$
        DECLARE
            _time timestamptz;
            _day date;
            _head bigint;
            _first bigint;
        BEGIN
            IF $2 = 'beginning' THEN
                RETURN 0;
            END IF;
            SELECT c.position INTO _head FROM {schema}.checkpoints c WHERE c.stream = $1;
            IF $2 = 'end' THEN
                RETURN coalesce(_head, 0);
            END IF;
            _time := $2::timestamptz;
            _day := (_time AT TIME ZONE 'UTC')::date;
            SELECT least(
                (SELECT min(s.first_position) FROM {schema}.segments s WHERE s.stream = $1 AND s.day > _day),
                (SELECT min(e.position) FROM {schema}.events e WHERE e.stream = $1 AND e.enqueued_at >= _time
                    AND e.enqueued_at < (_day + 1)::timestamp AT TIME ZONE 'UTC')) INTO _first;
            RETURN coalesce(_first - 1, _head, 0);
        END $fn$;

        -- Idempotent: a group that is there keeps its cursors and its start; filters are updated.
        CREATE FUNCTION {schema}.subscribe(
            "group" text, start text DEFAULT 'beginning', streams int[] DEFAULT NULL, topics text[] DEFAULT NULL
        ) RETURNS boolean LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        DECLARE _new boolean;
        BEGIN
            IF $2 NOT IN ('beginning', 'end') THEN
                PERFORM $2::timestamptz;
            END IF;
            INSERT INTO {schema}.groups AS g ("group", streams, topics) VALUES ($1, $3, $4)
                ON CONFLICT ON CONSTRAINT groups_pkey DO NOTHING;
            _new := FOUND;
            IF _new THEN
                PERFORM {schema}._sync_streams($1, $3);
                IF $2 <> 'beginning' THEN
                    UPDATE {schema}.group_cursors c SET position = p.position
                        FROM (SELECT g.stream, {schema}._start_position(g.stream, $2) AS position
                            FROM {schema}.group_streams g WHERE g."group" = $1) p
                        WHERE c."group" = $1 AND c.stream = p.stream;
                END IF;
            ELSE
                UPDATE {schema}.groups g SET streams = $3, topics = $4
                    WHERE g."group" = $1 AND (g.streams, g.topics) IS DISTINCT FROM ($3, $4);
            END IF;
            RETURN _new;
        END $fn$;

        -- Removes cursors, leases and parked events. Its dead letters and losses stay.
        CREATE FUNCTION {schema}.unsubscribe("group" text) RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            DELETE FROM {schema}.group_leases g WHERE g."group" = $1;
            DELETE FROM {schema}.group_cursors g WHERE g."group" = $1;
            DELETE FROM {schema}.group_streams g WHERE g."group" = $1;
            DELETE FROM {schema}.parked_keys g WHERE g."group" = $1;
            DELETE FROM {schema}.parked g WHERE g."group" = $1;
            DELETE FROM {schema}.groups g WHERE g."group" = $1;
            RETURN FOUND;
        END $fn$;

        -- fetch() returns nothing while the group is paused. Leases that are out stay good.
        CREATE FUNCTION {schema}.pause("group" text) RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            PERFORM {schema}._require_group($1);
            UPDATE {schema}.groups g SET paused = true WHERE g."group" = $1;
        END $fn$;

        CREATE FUNCTION {schema}.resume("group" text) RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            PERFORM {schema}._require_group($1);
            UPDATE {schema}.groups g SET paused = false WHERE g."group" = $1;
        END $fn$;
        """#

    /// Moving a group, and how far behind it is.
    static let seekFunctions = #"""
        -- Ends every lease of the group. What was parked behind the new position stays parked; what was parked
        -- after it is forgotten, since the log brings it again.
        CREATE FUNCTION {schema}._seek("group" text, streams int[], positions bigint[])
        RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.group_leases l SET token = NULL, streams = '{}', slots = '{}', uptos = '{}',
                    skip_streams = '{}', skip_slots = '{}', skip_positions = '{}', skip_keys = '{}', parked = false
                WHERE l."group" = $1;
            PERFORM FROM {schema}.group_cursors c WHERE c."group" = $1 ORDER BY c.stream, c.slot FOR UPDATE;
            UPDATE {schema}.group_cursors c SET token = NULL, position = coalesce(p.position, c.position)
                FROM {schema}.group_streams g
                    LEFT JOIN unnest($2, $3) AS p(stream, position) ON p.stream = g.stream
                WHERE c."group" = $1 AND g."group" = $1 AND g.stream = c.stream
                    AND (c.token IS NOT NULL OR p.position <> c.position);
            DELETE FROM {schema}.parked k USING unnest($2, $3) AS p(stream, position)
                WHERE k."group" = $1 AND k.stream = p.stream AND k.position > p.position;
            UPDATE {schema}.parked_keys k SET token = NULL, upto = NULL WHERE k."group" = $1 AND k.token IS NOT NULL;
            DELETE FROM {schema}.parked_keys k WHERE k."group" = $1 AND NOT EXISTS (
                SELECT FROM {schema}.parked p WHERE p."group" = $1 AND p.stream = k.stream AND p.slot = k.slot
                    AND p.key = k.key AND NOT p.dead);
            UPDATE {schema}.group_streams g SET seen = 0, moves = g.moves + 1 WHERE g."group" = $1;
        END $fn$;

        CREATE FUNCTION {schema}.seek("group" text, "to" text) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE
            _group {schema}.groups := {schema}._require_group($1);
            _streams int[];
            _positions bigint[];
        BEGIN
            PERFORM {schema}._sync_streams($1, _group.streams);
            SELECT array_agg(g.stream), array_agg({schema}._start_position(g.stream, $2)) INTO _streams, _positions
                FROM {schema}.group_streams g
                WHERE g."group" = $1 AND (_group.streams IS NULL OR g.stream = ANY(_group.streams));
            PERFORM {schema}._seek($1, coalesce(_streams, '{}'), coalesce(_positions, '{}'));
        END $fn$;

        -- The next event of the stream is the one after "position".
        CREATE FUNCTION {schema}.seek("group" text, stream int, "position" bigint)
        RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE _group {schema}.groups := {schema}._require_group($1);
        BEGIN
            PERFORM {schema}._sync_streams($1, _group.streams);
            PERFORM {schema}._seek($1, ARRAY[$2], ARRAY[$3]);
        END $fn$;

        -- One row for each slot with something unread or parked. behind counts up to cap for each slot.
        CREATE FUNCTION {schema}.lag("group" text, cap bigint DEFAULT 10000)
        RETURNS TABLE (
            stream int, pipeline text, slot smallint, "position" bigint, head bigint, behind bigint,
            oldest_unread interval, leased boolean, parked bigint
        ) LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        DECLARE _group {schema}.groups := {schema}._require_group($1);
        BEGIN
            PERFORM {schema}._sync_streams($1, _group.streams);
            RETURN QUERY
                SELECT c.stream, s.pipeline, c.slot, c.position, h.position, x.behind,
                        clock_timestamp() - x.oldest, c.token IS NOT NULL, coalesce(p.parked, 0)
                    FROM {schema}.group_cursors c
                    JOIN {schema}.group_streams g ON g."group" = c."group" AND g.stream = c.stream
                    JOIN {schema}.streams s ON s.stream = c.stream
                    JOIN {schema}.checkpoints h ON h.stream = c.stream
                    LEFT JOIN (SELECT k.stream, k.slot, count(*) AS parked FROM {schema}.parked k
                        WHERE k."group" = $1 AND NOT k.dead GROUP BY k.stream, k.slot) p
                        ON p.stream = c.stream AND p.slot = c.slot
                    CROSS JOIN LATERAL (SELECT count(*) AS behind, min(y.enqueued_at) AS oldest FROM (
                        SELECT e.enqueued_at FROM {schema}.events e
                            WHERE e.stream = c.stream AND e.slot = c.slot AND e.position > c.position
                                AND h.position > g.seen
                                AND (_group.topics IS NULL OR e.topic = ANY(_group.topics))
                            ORDER BY e.position LIMIT $2) y) x
                    WHERE c."group" = $1 AND (_group.streams IS NULL OR c.stream = ANY(_group.streams))
                        AND (x.behind > 0 OR p.parked > 0)
                    ORDER BY c.stream, c.slot;
        END $fn$;
        """#
}
