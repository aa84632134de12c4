extension NativeSchema {
    /// Partitions ahead, grants, small ledgers.
    static let maintenanceFunctions = #"""
        -- Yesterday (clocks step back) up to days_ahead. The table is made first and attached then: that blocks no
        -- insert, where CREATE TABLE ... PARTITION OF would.
        CREATE FUNCTION {schema}.make_partitions(days_ahead int DEFAULT 7)
        RETURNS TABLE (partition text) LANGUAGE plpgsql SET lock_timeout = '2s' AS $fn$
        #variable_conflict use_column
        DECLARE
            _today date := (now() AT TIME ZONE 'UTC')::date;
            _day date;
            _name text;
            _grant record;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('outbox-relay partitions ' || {schema_literal}, 0));
            FOR _day IN SELECT _today + n FROM generate_series(-1, $1) n LOOP
                _name := 'events_' || to_char(_day, 'YYYYMMDD');
                CONTINUE WHEN to_regclass(format('%I.%I', {schema_literal}, _name)) IS NOT NULL;
                EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE %1$I.events INCLUDING DEFAULTS INCLUDING STORAGE)',
                    {schema_literal}, _name);
                EXECUTE format('ALTER TABLE %1$I.events ATTACH PARTITION %1$I.%2$I FOR VALUES FROM (%3$L) TO (%4$L)',
                    {schema_literal}, _name, _day || ' 00:00:00+00', _day + 1 || ' 00:00:00+00');
                -- fetch() reads partitions by name: who may read the table may read them.
                FOR _grant IN SELECT DISTINCT a.grantee FROM pg_catalog.pg_class r, aclexplode(r.relacl) a
                    WHERE r.oid = '{schema}.events'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> r.relowner
                LOOP
                    EXECUTE format('GRANT SELECT ON %I.%I TO %s', {schema_literal}, _name,
                        CASE WHEN _grant.grantee = 0 THEN 'PUBLIC' ELSE _grant.grantee::regrole::text END);
                END LOOP;
                partition := _name;
                RETURN NEXT;
            END LOOP;
        END $fn$;

        -- Lets a role consume: read events, and run every function that groups need.
        CREATE FUNCTION {schema}.allow_consumer(role text) RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE _table record;
        BEGIN
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', {schema_literal}, $1);
            FOR _table IN SELECT i.inhrelid::regclass AS name FROM pg_catalog.pg_inherits i
                WHERE i.inhparent = '{schema}.events'::regclass
                UNION ALL SELECT t.name::regclass FROM unnest(ARRAY['{schema}.events', '{schema}.streams',
                    '{schema}.segments', '{schema}.checkpoints', '{schema}.group_losses']) AS t(name)
            LOOP
                EXECUTE format('GRANT SELECT ON %s TO %I', _table.name, $1);
            END LOOP;
            FOR _table IN SELECT t.name::regclass AS name FROM unnest(ARRAY['{schema}.groups',
                '{schema}.group_streams', '{schema}.group_cursors', '{schema}.group_leases', '{schema}.parked_keys',
                '{schema}.parked', '{schema}.group_dead_letters']) AS t(name)
            LOOP
                EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', _table.name, $1);
            END LOOP;
        END $fn$;

        -- Forgets what was handed over longer ago than this, a bounded number of rows at a time.
        CREATE FUNCTION {schema}.prune_delivered(older_than interval, "limit" int DEFAULT 10000)
        RETURNS int LANGUAGE plpgsql AS $fn$
        DECLARE _rows int;
        BEGIN
            DELETE FROM {schema}.delivered d WHERE d.ctid = ANY(ARRAY(SELECT o.ctid FROM {schema}.delivered o
                WHERE o.at < clock_timestamp() - $1 LIMIT $2));
            GET DIAGNOSTICS _rows = ROW_COUNT;
            RETURN _rows;
        END $fn$;
        """#

    /// Retention: whole days, never at the writer's expense.
    static let retentionFunctions = #"""
        -- What of one day's partition each group has not read. Called with the partition locked.
        CREATE FUNCTION {schema}._unread(partition text, day date)
        RETURNS TABLE ("group" text, stream int, first_position bigint, last_position bigint, events bigint, parked bigint)
        LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        BEGIN
            RETURN QUERY EXECUTE format(
                'SELECT u."group", u.stream, min(u.low), max(u.high), sum(u.n)::bigint, sum(u.parked)::bigint FROM ('
                'SELECT c."group", c.stream, x.low, x.high, x.n, 0 AS parked FROM {schema}.group_cursors c'
                ' JOIN {schema}.groups g ON g."group" = c."group" AND (g.streams IS NULL OR c.stream = ANY(g.streams))'
                ' CROSS JOIN LATERAL (SELECT min(e.position) AS low, max(e.position) AS high, count(*) AS n FROM %1$s e'
                ' WHERE e.stream = c.stream AND e.slot = c.slot AND e.position > c.position) x WHERE x.n > 0'
                ' UNION ALL SELECT p."group", p.stream, p.position, p.position, 0, 1 FROM {schema}.parked p'
                ' JOIN {schema}.group_cursors c ON c."group" = p."group" AND c.stream = p.stream AND c.slot = p.slot'
                ' WHERE NOT p.dead AND p.position <= c.position AND EXISTS (SELECT FROM %1$s e'
                ' WHERE e.stream = p.stream AND e.slot = p.slot AND e.position = p.position)) u'
                ' GROUP BY u."group", u.stream', $1);
        END $fn$;

        -- Drops days that are older than retention and read by every group, and those older than retention_max in any
        -- case, with a record of what each group lost. Never waits longer than 100 ms for a lock, since inserts queue
        -- behind it: what is in use is postponed to the next call. Call it in a transaction of its own.
        CREATE FUNCTION {schema}.drop_partitions(retention interval, retention_max interval)
        RETURNS TABLE (day date, outcome text, detail text) LANGUAGE plpgsql SET lock_timeout = '100ms' AS $fn$
        #variable_conflict use_column
        DECLARE
            _partition record;
            _unread bigint;
            _forced boolean;
            _group record;
        BEGIN
            FOR _group IN SELECT g."group", g.streams FROM {schema}.groups g LOOP
                PERFORM {schema}._sync_streams(_group."group", _group.streams);
            END LOOP;
            FOR _partition IN SELECT c.relname::text AS name, format('%I.%I', {schema_literal}, c.relname) AS ref,
                    to_date(right(c.relname, 8), 'YYYYMMDD') AS day
                FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = '{schema}.events'::regclass
                    AND (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= now() - $1
                ORDER BY c.relname
            LOOP
                day := _partition.day;
                _forced := (day + 1)::timestamp AT TIME ZONE 'UTC' <= now() - greatest($1, $2);
                BEGIN
                    IF NOT _forced THEN
                        SELECT sum(u.events + u.parked) INTO _unread
                            FROM {schema}._unread(_partition.ref, _partition.day) u;
                        IF _unread > 0 THEN
                            outcome := 'kept';
                            detail := format('%s events are not read by every group yet', _unread);
                            RETURN NEXT;
                            CONTINUE;
                        END IF;
                    END IF;
                    -- From here on nobody reads it, so that what is recorded as lost is what is lost.
                    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', _partition.ref);
                    INSERT INTO {schema}.group_losses
                        ("group", stream, day, first_position, last_position, events, parked)
                        SELECT u."group", u.stream, _partition.day, u.first_position, u.last_position, u.events, u.parked
                        FROM {schema}._unread(_partition.ref, _partition.day) u;
                    GET DIAGNOSTICS _unread = ROW_COUNT;
                    IF _unread > 0 AND NOT _forced THEN
                        RAISE EXCEPTION 'a group moved back' USING ERRCODE = '55P03';
                    END IF;
                    IF _unread > 0 THEN
                        EXECUTE format('DELETE FROM {schema}.parked p USING %s e WHERE e.stream = p.stream'
                            ' AND e.slot = p.slot AND e.position = p.position', _partition.ref);
                    END IF;
                    DELETE FROM {schema}.segments s WHERE s.day = _partition.day;
                    EXECUTE format('DROP TABLE %s', _partition.ref);
                    outcome := CASE WHEN _unread > 0 THEN 'lost' ELSE 'dropped' END;
                    detail := CASE WHEN _unread > 0 THEN 'unread events were dropped: see group_losses' END;
                EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                    outcome := 'postponed';
                    detail := 'in use: ' || SQLERRM;
                END;
                RETURN NEXT;
                -- One a call: its lock on the table ends with this transaction, not after the next day was counted.
                EXIT WHEN outcome <> 'postponed';
            END LOOP;
        END $fn$;
        """#
}
