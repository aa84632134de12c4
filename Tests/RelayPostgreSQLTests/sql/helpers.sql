-- What the tests share: a writer that goes through the fence, a consumer that misbehaves at random, and a checker.
CREATE SCHEMA relay_test;
CREATE FUNCTION relay_test.slot(key text) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT get_byte(sha256(convert_to(key, 'UTF8')), 0)::smallint
$$;
CREATE FUNCTION relay_test.start(pipeline text, generation int DEFAULT 1, family text DEFAULT NULL)
RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    PERFORM outbox_relay.register($1, 0, $2, $3);
    PERFORM outbox_relay.acquire_lease($1, 'writer', '1 hour');
    RETURN stream FROM outbox_relay.fence_takeover($1, 'writer', 1);
END $$;
-- n events over so many keys, or all of one key.
CREATE FUNCTION relay_test.publish(pipeline text, n int, keys int, key text DEFAULT NULL, topic text DEFAULT 'order')
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE c record;
BEGIN
    SELECT * INTO c FROM outbox_relay.load_checkpoint($1);
    PERFORM outbox_relay.advance($1, 'writer', 1, c.position, c.position + n, format('{"at":%s}', c.position + n));
    INSERT INTO outbox_relay.events (stream, position, slot, event_id, topic, type, key, payload)
        SELECT c.stream, p, relay_test.slot(k), $1 || '-' || p, $5, 'Placed', k, json_build_object('n', p)
        FROM generate_series(c.position + 1, c.position + n) p,
            LATERAL (SELECT coalesce($4, 'key-' || floor(random() * $3)::int + 0 * p) AS k) x;
    RETURN c.position + n;
END $$;
-- Raises unless "statement" raises "state".
CREATE FUNCTION relay_test.raises(state text, statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE = state THEN RETURN; END IF;
        RAISE EXCEPTION '% raised % (%), not %', statement, SQLSTATE, SQLERRM, state;
    END;
    RAISE EXCEPTION '% raised nothing, not %', statement, state;
END $$;
CREATE FUNCTION relay_test.equal(actual anyelement, wanted anyelement, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF actual IS DISTINCT FROM wanted THEN RAISE EXCEPTION '%: found %, wanted %', what, actual, wanted; END IF;
END $$;
-- The consumer's own effects: n is the order in which they happened for a key.
CREATE TABLE relay_test.effects (
    n bigint GENERATED ALWAYS AS IDENTITY, "group" text, stream int, position bigint, key text, kind text);
CREATE TABLE relay_test.deliveries (
    n bigint GENERATED ALWAYS AS IDENTITY, "group" text, stream int, position bigint, key text, consumer text);
-- One round: fetch, then for each event accept, reject or give up at random; rejected keys are skipped from there on.
-- chaos 0 accepts everything. Returns the number of events fetched. Caller commits.
CREATE FUNCTION relay_test.round("group" text, consumer text, chaos float, batch int DEFAULT 25)
RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    rows outbox_relay.delivery[];
    e outbox_relay.delivery;
    refused text[] := '{}';
    fate float;
    i int;
BEGIN
    SELECT array_agg(f) INTO rows FROM outbox_relay.fetch($1, $2, '3 seconds', $4) f;
    IF rows IS NULL THEN RETURN 0; END IF;
    INSERT INTO relay_test.deliveries ("group", stream, position, key, consumer)
        SELECT $1, r.stream, r.position, r.key, $2 FROM unnest(rows) WITH ORDINALITY r ORDER BY r.ordinality;
    IF random() < $3 * 0.3 THEN
        -- Gone: its lease expires.
        IF random() < 0.5 THEN
            UPDATE outbox_relay.group_leases l SET leased_until = '-infinity' WHERE l.token = rows[1].token;
        END IF;
        RETURN cardinality(rows);
    END IF;
    FOREACH e IN ARRAY rows LOOP
        CONTINUE WHEN e.stream || ' ' || e.key = ANY(refused);
        fate := random();
        IF fate < $3 * 0.15 THEN
            PERFORM outbox_relay.nack($1, e.token, e.stream, e.position, random() * interval '200 ms', 'refused');
            refused := refused || (e.stream || ' ' || e.key);
        ELSIF fate < $3 * 0.17 THEN
            PERFORM outbox_relay.dead_letter($1, e.token, e.stream, e.position, 'hopeless');
            INSERT INTO relay_test.effects ("group", stream, position, key, kind)
                VALUES ($1, e.stream, e.position, e.key, 'dead');
        ELSE
            INSERT INTO relay_test.effects ("group", stream, position, key, kind)
                VALUES ($1, e.stream, e.position, e.key, 'done');
        END IF;
        IF fate > 1 - $3 * 0.05 THEN
            PERFORM outbox_relay.ack($1, e.token, e.stream, e.slot, e.position);
        END IF;
    END LOOP;
    BEGIN
        PERFORM outbox_relay.ack($1, rows[1].token);
    EXCEPTION WHEN SQLSTATE 'OR101' THEN
        -- Everything was acknowledged slot by slot, or nothing is left of the lease.
        IF EXISTS (SELECT FROM outbox_relay.group_leases l WHERE l.token = rows[1].token) THEN RAISE; END IF;
    END;
    RETURN cardinality(rows);
END $$;
CREATE PROCEDURE relay_test.consume("group" text, consumer text, seconds int) LANGUAGE plpgsql AS $$
DECLARE stop timestamptz := clock_timestamp() + make_interval(secs => seconds / 4.0);
BEGIN
    WHILE clock_timestamp() < stop LOOP
        PERFORM relay_test.round($1, $2, 1);
        IF random() < 0.05 THEN ROLLBACK; ELSE COMMIT; END IF;
    END LOOP;
END $$;
-- A few events every few milliseconds, so often.
CREATE PROCEDURE relay_test.feed(pipeline text, times int, n int, keys int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..times LOOP
        PERFORM relay_test.publish($1, $3, $4);
        COMMIT;
        PERFORM pg_sleep(0.003);
    END LOOP;
END $$;
-- Two keys with an event parked each, the first of them due, and one in the log each, in slots that nobody may read yet.
CREATE FUNCTION relay_test.cross(pipeline text, one text, other text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE e outbox_relay.delivery;
BEGIN
    PERFORM relay_test.publish($1, 1, 1, one), relay_test.publish($1, 1, 1, other);
    FOR e IN SELECT * FROM outbox_relay.fetch($1, 'first') LOOP
        PERFORM outbox_relay.nack($1, e.token, e.stream, e.position, '1 hour');
    END LOOP;
    PERFORM outbox_relay.ack($1, e.token);
    PERFORM relay_test.due($1, one);
    PERFORM relay_test.publish($1, 1, 1, one), relay_test.publish($1, 1, 1, other);
    UPDATE outbox_relay.group_cursors c SET token = gen_random_uuid()
        WHERE c."group" = $1 AND c.slot IN (relay_test.slot(one), relay_test.slot(other));
END $$;
CREATE FUNCTION relay_test.due("group" text, key text) RETURNS void LANGUAGE sql AS $$
    UPDATE outbox_relay.parked p SET due_at = now() WHERE p."group" = $1 AND p.key = $2;
    UPDATE outbox_relay.parked_keys k SET due_at = now() WHERE k."group" = $1 AND k.key = $2;
$$;
CREATE FUNCTION relay_test.free("group" text, key text) RETURNS void LANGUAGE sql AS $$
    UPDATE outbox_relay.group_cursors c SET token = NULL WHERE c."group" = $1 AND c.slot = relay_test.slot($2);
$$;
-- Rounds as fast as they go, of which nearly every one rejects and parks behind what others rejected: transactions that
-- hold some keys while they need those that others hold. Every second round acknowledges in a transaction of its own.
-- When seconds have passed, it is over. Raises what a round raises: a deadlock is none of the errors that may happen.
CREATE PROCEDURE relay_test.hammer("group" text, consumer text, seconds float) LANGUAGE plpgsql AS $$
DECLARE
    stop timestamptz := clock_timestamp() + make_interval(secs => seconds);
    rows outbox_relay.delivery[];
    e outbox_relay.delivery;
    rounds int := 0;
    refused text[];
BEGIN
    WHILE clock_timestamp() < stop LOOP
        rounds := rounds + 1;
        SELECT array_agg(f ORDER BY f.stream, f.slot, f.position) INTO rows
            FROM outbox_relay.fetch($1, $2, '30 seconds', 20 + floor(random() * 40)::int) f;
        IF rows IS NULL THEN
            COMMIT;
            PERFORM pg_sleep(0.001);
            CONTINUE;
        END IF;
        IF rounds % 2 = 0 THEN COMMIT; END IF;
        -- Others get their turn while this one holds its keys.
        PERFORM pg_sleep(random() * 0.01);
        refused := '{}';
        FOREACH e IN ARRAY rows LOOP
            CONTINUE WHEN e.key = ANY(refused);
            IF random() < 0.3 THEN
                PERFORM outbox_relay.nack($1, e.token, e.stream, e.position, random() * interval '20 ms', 'refused');
                refused := refused || e.key;
            ELSE
                INSERT INTO relay_test.effects ("group", stream, position, key, kind)
                    VALUES ($1, e.stream, e.position, e.key, 'done');
            END IF;
        END LOOP;
        PERFORM outbox_relay.ack($1, rows[1].token);
        IF random() < 0.05 THEN ROLLBACK; ELSE COMMIT; END IF;
    END LOOP;
END $$;
-- Until nothing is left, with nothing failing any more.
CREATE PROCEDURE relay_test.drain("group" text, consumer text) LANGUAGE plpgsql AS $$
DECLARE
    idle int := 0;
    stop timestamptz := clock_timestamp() + interval '60 seconds';
BEGIN
    UPDATE outbox_relay.group_leases l SET leased_until = '-infinity' WHERE l."group" = $1 AND l.token IS NOT NULL;
    COMMIT;
    LOOP
        IF relay_test.round($1, $2, 0, 100) = 0 THEN
            COMMIT;
            EXIT WHEN NOT EXISTS (SELECT FROM outbox_relay.lag($1));
            PERFORM pg_sleep(0.02);
        END IF;
        COMMIT;
        IF clock_timestamp() > stop THEN
            RAISE EXCEPTION 'group % does not come to an end: %', $1,
                (SELECT json_agg(l) FROM outbox_relay.lag($1) l);
        END IF;
    END LOOP;
END $$;
-- Each event had exactly one effect, and effects and first deliveries of a key came in order.
CREATE FUNCTION relay_test.verify("group" text, events bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE wrong text;
BEGIN
    SELECT string_agg(format('%s/%s x%s', x.stream, x.position, x.c), ', ') INTO wrong FROM (
        SELECT f.stream, f.position, count(*) AS c FROM relay_test.effects f WHERE f."group" = $1
        GROUP BY 1, 2 HAVING count(*) > 1 LIMIT 10) x;
    IF wrong IS NOT NULL THEN RAISE EXCEPTION 'acknowledged twice: %', wrong; END IF;
    PERFORM relay_test.equal((SELECT count(*) FROM relay_test.effects f WHERE f."group" = $1), $2, 'events settled');
    SELECT string_agg(format('%s: %s after %s', x.key, x.position, x.before), ', ') INTO wrong FROM (
        SELECT f.key, f.position, lag(f.position) OVER (PARTITION BY f.stream, f.key ORDER BY f.n) AS before
        FROM relay_test.effects f WHERE f."group" = $1) x WHERE x.before > x.position;
    IF wrong IS NOT NULL THEN RAISE EXCEPTION 'effects out of order: %', left(wrong, 500); END IF;
    SELECT string_agg(format('%s: %s after %s', x.key, x.position, x.before), ', ') INTO wrong FROM (
        SELECT d.key, d.position, lag(d.position) OVER (PARTITION BY d.stream, d.key ORDER BY d.n) AS before FROM (
            SELECT DISTINCT ON (y.stream, y.position) y.* FROM relay_test.deliveries y WHERE y."group" = $1
            ORDER BY y.stream, y.position, y.n) d) x WHERE x.before > x.position;
    IF wrong IS NOT NULL THEN RAISE EXCEPTION 'first deliveries out of order: %', left(wrong, 500); END IF;
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.parked p WHERE p."group" = $1), 0::bigint, 'parked');
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.parked_keys p WHERE p."group" = $1), 0::bigint, 'keys');
END $$;
-- A stream whose first events lie 20 days back, with a group that has read them.
CREATE FUNCTION relay_test.old_day(pipeline text, days int DEFAULT 20) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    s int := relay_test.start($1);
    d date := (now() AT TIME ZONE 'UTC')::date - days;
    name text := 'events_' || to_char(d, 'YYYYMMDD');
BEGIN
    IF to_regclass('outbox_relay.' || name) IS NULL THEN
        EXECUTE format('CREATE TABLE outbox_relay.%I PARTITION OF outbox_relay.events FOR VALUES FROM (%L) TO (%L)',
            name, d || ' 00:00+00', d + 1 || ' 00:00+00');
    END IF;
    PERFORM relay_test.publish($1, 20, 5);
    UPDATE outbox_relay.events SET enqueued_at = enqueued_at - make_interval(days => days) WHERE stream = s;
    UPDATE outbox_relay.segments SET day = d WHERE stream = s;
    UPDATE outbox_relay.checkpoints SET day = d WHERE stream = s;
    RETURN s;
END $$;
