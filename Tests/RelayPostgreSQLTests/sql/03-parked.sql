-- nack, dead_letter, redrive, and the order of a key.
SELECT relay_test.start('c3');
SELECT outbox_relay.subscribe('g3', streams => ARRAY[(SELECT stream FROM outbox_relay.streams WHERE pipeline = 'c3')]);
CREATE FUNCTION pg_temp.got(batch int DEFAULT 100, OUT token uuid, OUT positions bigint[], OUT attempts int[])
LANGUAGE sql AS $$
    SELECT (array_agg(f.token))[1], array_agg(f.position), array_agg(f.attempts) FROM outbox_relay.fetch('g3', 'x', '1 minute', $1) f
$$;
DO $$
DECLARE r record; t uuid; id bigint; s int := (SELECT stream FROM outbox_relay.streams WHERE pipeline = 'c3');
BEGIN
    PERFORM relay_test.publish('c3', 4, 1, 'a');                                      -- 1..4
    r := pg_temp.got();
    ASSERT r.positions = '{1,2,3,4}';
    PERFORM relay_test.raises('OR102', format($q$SELECT outbox_relay.nack('g3', %L, %s, 5)$q$, r.token, s));
    PERFORM outbox_relay.nack('g3', r.token, s, 2, '0', 'no');
    PERFORM relay_test.raises('OR102', format($q$SELECT outbox_relay.nack('g3', %L, %s, 3)$q$, r.token, s));
    ASSERT (SELECT positions IS NULL FROM pg_temp.got()), 'not before its predecessors are acknowledged';
    PERFORM outbox_relay.ack('g3', r.token);
    PERFORM relay_test.publish('c3', 1, 1, 'a');                                      -- 5
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{2,3,4,5}'::bigint[], 'the rejected one, then those behind it, then the new');
    PERFORM relay_test.equal(r.attempts, '{1,0,0,0}'::int[], 'attempts');
    PERFORM outbox_relay.nack('g3', r.token, s, 3, '1 hour', 'not today');
    PERFORM outbox_relay.ack('g3', r.token);
    ASSERT (SELECT positions IS NULL FROM pg_temp.got()), 'the key waits';
    PERFORM relay_test.publish('c3', 1, 1, 'a');                                      -- 6
    PERFORM relay_test.publish('c3', 1, 1, 'b');                                      -- 7
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{7}'::bigint[], 'other keys flow');
    PERFORM outbox_relay.ack('g3', r.token);
    PERFORM relay_test.equal((SELECT array_agg(position ORDER BY position) FROM outbox_relay.parked
        WHERE "group" = 'g3'), '{3,4,5,6}'::bigint[], 'the key''s queue');
    UPDATE outbox_relay.parked SET due_at = now() WHERE "group" = 'g3';
    UPDATE outbox_relay.parked_keys SET due_at = now() WHERE "group" = 'g3';
    r := pg_temp.got(2);
    PERFORM relay_test.equal(r.positions, '{3,4}'::bigint[], 'as far as the limit');
    PERFORM relay_test.publish('c3', 1, 1, 'a');                                      -- 8
    ASSERT (SELECT positions IS NULL FROM pg_temp.got()), 'the rest of the key is out with it';
    PERFORM outbox_relay.ack('g3', r.token, s, relay_test.slot('a'), 3);
    PERFORM outbox_relay.dead_letter('g3', r.token, s, 4, 'never');
    PERFORM outbox_relay.ack('g3', r.token);
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{5,6,8}'::bigint[], 'on from the dead letter');
    PERFORM relay_test.equal(outbox_relay.redrive('g3'), 0, 'its key is out');
    -- An expired lease on a parked key: all of it again.
    PERFORM outbox_relay.extend('g3', r.token, '-1 second');
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{5,6,8}'::bigint[], 'again');
    PERFORM outbox_relay.ack('g3', r.token);
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.parked_keys WHERE "group" = 'g3');
    PERFORM relay_test.equal(outbox_relay.redrive('g3'), 1, 'one dead letter');
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{4}'::bigint[], 'redriven');
    PERFORM outbox_relay.ack('g3', r.token);
    PERFORM relay_test.equal(outbox_relay.redrive('g3'), 0, 'no dead letters left');
    -- Rejected and dead-lettered, then the lease expires before ack: attempts stay, the dead one stays dead.
    PERFORM relay_test.publish('c3', 3, 1, 'b');                                      -- 9..11
    r := pg_temp.got();
    id := outbox_relay.dead_letter('g3', r.token, s, 9, 'bad');
    PERFORM outbox_relay.nack('g3', r.token, s, 11, '0', 'later');
    PERFORM outbox_relay.extend('g3', r.token, '-1 second');
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{10}'::bigint[], 'only what is neither');
    PERFORM outbox_relay.ack('g3', r.token);
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{11}'::bigint[], 'then the rejected');
    PERFORM relay_test.equal(r.attempts, '{1}'::int[], 'with its attempt');
    PERFORM outbox_relay.nack('g3', r.token, s, 11, '0', 'again');
    PERFORM outbox_relay.ack('g3', r.token);
    r := pg_temp.got();
    PERFORM relay_test.equal(r.attempts, '{2}'::int[], 'attempts add up');
    PERFORM outbox_relay.dead_letter('g3', r.token, s, 11, 'gave up');
    PERFORM outbox_relay.ack('g3', r.token);
    PERFORM relay_test.equal((SELECT attempts FROM outbox_relay.group_dead_letters WHERE position = 11 AND "group" = 'g3'), 3, 'attempts');
    PERFORM relay_test.equal((SELECT payload->>'n' FROM outbox_relay.group_dead_letters d WHERE d.id = 2), '9', 'whole');
    PERFORM relay_test.equal(outbox_relay.discard('g3', ARRAY[id]), 1, 'discarded');
    PERFORM relay_test.equal(outbox_relay.redrive('g3', ARRAY[id]), 0, 'gone for good');
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.parked WHERE "group" = 'g3'), 'nothing left behind';
    -- seek back forgets what the log brings again, and keeps what it does not.
    PERFORM relay_test.publish('c3', 2, 1, 'c');                                      -- 12, 13
    r := pg_temp.got();
    PERFORM outbox_relay.nack('g3', r.token, s, 12, '0');
    PERFORM outbox_relay.ack('g3', r.token);
    PERFORM outbox_relay.seek('g3', s, 12);
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{12,13}'::bigint[], 'parked before, log after');
    PERFORM outbox_relay.ack('g3', r.token);
    PERFORM outbox_relay.seek('g3', s, 11);
    r := pg_temp.got();
    PERFORM relay_test.equal(r.positions, '{12,13}'::bigint[], 'from the log');
    PERFORM outbox_relay.ack('g3', r.token);
END $$;
