-- fetch, ack, stale tokens, expiry.
SELECT relay_test.start('c2');
SELECT outbox_relay.subscribe('g2', streams => ARRAY[(SELECT stream FROM outbox_relay.streams WHERE pipeline = 'c2')]);
DO $$
DECLARE a uuid; b uuid; n int; r record; s int := (SELECT stream FROM outbox_relay.streams WHERE pipeline = 'c2');
BEGIN
    PERFORM relay_test.raises('OR103', $q$SELECT * FROM outbox_relay.fetch('nobody', 'x')$q$);
    PERFORM relay_test.raises('22023', $q$SELECT * FROM outbox_relay.fetch('g2', 'x', '1 second', 0)$q$);
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.fetch('g2', 'x')), 'empty';
    PERFORM relay_test.publish('c2', 300, 50);
    SELECT count(*), (array_agg(token))[1], count(DISTINCT token) AS t INTO r FROM outbox_relay.fetch('g2', 'x', '1 minute', 100);
    ASSERT r.count = 100 AND r.t = 1; a := r.array_agg;
    CREATE TEMP TABLE second AS SELECT * FROM outbox_relay.fetch('g2', 'y', '1 minute', 100);
    PERFORM relay_test.equal((SELECT count(*) FROM second), 100::bigint, 'the second batch');
    b := (SELECT token FROM second LIMIT 1);
    ASSERT NOT EXISTS (SELECT FROM second e JOIN outbox_relay.group_leases l ON l.token = a AND e.slot = ANY(l.slots)),
        'slots of different tokens do not overlap';
    ASSERT (SELECT bool_and(ok) FROM (SELECT position > lag(position) OVER (PARTITION BY slot ORDER BY ctid) IS NOT FALSE
        AS ok FROM second) x), 'positions of a slot in order';
    ASSERT (SELECT count(*) FROM outbox_relay.lag('g2') WHERE leased) > 0;
    PERFORM relay_test.equal((SELECT sum(behind) FROM outbox_relay.lag('g2')), 300::numeric, 'nothing acknowledged yet');
    PERFORM outbox_relay.ack('g2', a);
    PERFORM relay_test.raises('OR101', format($q$SELECT outbox_relay.ack('g2', %L)$q$, a));
    PERFORM relay_test.raises('OR101', format($q$SELECT outbox_relay.extend('g2', %L)$q$, a));
    PERFORM relay_test.raises('OR101', format($q$SELECT outbox_relay.ack('other', %L)$q$, b));
    PERFORM relay_test.raises('OR101', format($q$SELECT outbox_relay.ack('g2', %L)$q$, gen_random_uuid()));
    PERFORM relay_test.equal((SELECT sum(behind) FROM outbox_relay.lag('g2')), 200::numeric, 'a hundred acknowledged');
    -- y is late, and nobody took its slots: still good. Then it is late, and somebody did.
    ASSERT outbox_relay.extend('g2', b, '-1 second') < clock_timestamp();
    ASSERT outbox_relay.extend('g2', b, '1 minute') > clock_timestamp();
    PERFORM outbox_relay.extend('g2', b, '-1 second');
    SELECT count(*) INTO n FROM outbox_relay.fetch('g2', 'z', '1 minute', 1000);
    PERFORM relay_test.equal(n, 200, 'the expired ones again');
    PERFORM relay_test.raises('OR101', format($q$SELECT outbox_relay.ack('g2', %L)$q$, b));
    PERFORM relay_test.raises('OR101', format($q$SELECT outbox_relay.nack('g2', %L, 1, 1)$q$, b));
    PERFORM outbox_relay.ack('g2', (SELECT token FROM outbox_relay.group_leases WHERE "group" = 'g2' AND token IS NOT NULL));
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.fetch('g2', 'x')) AND NOT EXISTS (SELECT FROM outbox_relay.lag('g2'));
    ASSERT (SELECT seen = 300 FROM outbox_relay.group_streams WHERE "group" = 'g2' AND stream = s), 'idle is remembered';
    -- One slot up to one position.
    PERFORM relay_test.publish('c2', 6, 1, 'one');
    SELECT * INTO r FROM outbox_relay.fetch('g2', 'x') LIMIT 1;
    PERFORM relay_test.raises('OR102', format($q$SELECT outbox_relay.ack('g2', %L, %s, %s, 999)$q$, r.token, s, r.slot));
    PERFORM relay_test.raises('OR102', format($q$SELECT outbox_relay.ack('g2', %L, %s, 0, 1)$q$, r.token, s));
    PERFORM outbox_relay.ack('g2', r.token, s, r.slot, 303);
    PERFORM outbox_relay.ack('g2', r.token, s, r.slot, 302);
    PERFORM relay_test.equal((SELECT sum(behind) FROM outbox_relay.lag('g2')), 3::numeric, 'half of it');
    PERFORM outbox_relay.extend('g2', r.token, '-1 second');
    PERFORM relay_test.equal((SELECT min(position) FROM outbox_relay.fetch('g2', 'y')), 304::bigint, 'the other half');
    SELECT * INTO r FROM outbox_relay.group_leases WHERE token IS NOT NULL AND "group" = 'g2';
    PERFORM outbox_relay.ack('g2', r.token, s, r.slots[1], 306);
    PERFORM relay_test.raises('OR101', format($q$SELECT outbox_relay.ack('g2', %L)$q$, r.token));
    -- Pause, resume, seek, starts.
    PERFORM relay_test.publish('c2', 4, 1, 'one');
    PERFORM outbox_relay.pause('g2');
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.fetch('g2', 'x'));
    PERFORM outbox_relay.resume('g2');
    SELECT token INTO a FROM outbox_relay.fetch('g2', 'x') LIMIT 1;
    PERFORM outbox_relay.seek('g2', 'end');
    PERFORM relay_test.raises('OR101', format($q$SELECT outbox_relay.ack('g2', %L)$q$, a));
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.fetch('g2', 'x'));
    PERFORM outbox_relay.seek('g2', s, 305);
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.fetch('g2', 'x')), 5::bigint, 'after 305');
    PERFORM outbox_relay.seek('g2', 'beginning');
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.fetch('g2', 'x', '1 minute', 1000)), 310::bigint, 'all');
    PERFORM outbox_relay.seek('g2', (now() - interval '1 hour')::text);
    PERFORM relay_test.equal((SELECT sum(behind) FROM outbox_relay.lag('g2')), 310::numeric, 'an hour back');
    PERFORM outbox_relay.seek('g2', (now() + interval '1 hour')::text);
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.lag('g2')), 0::bigint, 'an hour ahead');
    ASSERT NOT outbox_relay.subscribe('g2', 'beginning', ARRAY[s]), 'a group that is there keeps its place';
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.fetch('g2', 'x'));
    ASSERT outbox_relay.subscribe('g2end', 'end', NULL);
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.fetch('g2end', 'x'));
    -- A stream that appears later starts at 0, for a group that began at the end too.
    PERFORM relay_test.start('c2later');
    PERFORM relay_test.publish('c2later', 7, 3);
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.fetch('g2end', 'x')), 7::bigint, 'the new stream');
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.fetch('g2', 'x')), 0::bigint, 'not one of ours');
    PERFORM relay_test.raises('22007', $q$SELECT outbox_relay.subscribe('g2bad', 'whenever')$q$);
    ASSERT outbox_relay.unsubscribe('g2end') AND NOT outbox_relay.unsubscribe('g2end');
    -- Topics: others are passed over for good.
    PERFORM outbox_relay.subscribe('g2topic', 'beginning', ARRAY[s], ARRAY['rare']);
    PERFORM relay_test.publish('c2', 5000, 500);
    PERFORM relay_test.publish('c2', 3, 1, 'key-1', 'rare');
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.fetch('g2topic', 'x')), 3::bigint, 'of one topic');
    PERFORM outbox_relay.ack('g2topic', (SELECT token FROM outbox_relay.group_leases WHERE "group" = 'g2topic'));
    FOR i IN 1..5 LOOP PERFORM outbox_relay.fetch('g2topic', 'x'); END LOOP;
    ASSERT (SELECT seen = 5313 FROM outbox_relay.group_streams WHERE "group" = 'g2topic'), 'and it came to the end';
END $$;
