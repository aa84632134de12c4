-- A later generation waits, slot by slot, for the earlier one; a parked key also across generations.
DO $$
DECLARE
    one int := relay_test.start('c4/1', 1, 'c4');
    two int;
    t uuid; t2 uuid; got bigint[]; r record;
BEGIN
    PERFORM outbox_relay.subscribe('g4', 'beginning', NULL);
    PERFORM outbox_relay.seek('g4', 'end');
    PERFORM relay_test.publish('c4/1', 1, 1, 'a');
    PERFORM relay_test.publish('c4/1', 2, 1, 'b');
    two := relay_test.start('c4/2', 2, 'c4');
    PERFORM relay_test.publish('c4/2', 1, 1, 'a');
    PERFORM relay_test.publish('c4/2', 1, 1, 'b');
    PERFORM relay_test.publish('c4/2', 1, 1, 'c');
    ASSERT relay_test.slot('a') <> relay_test.slot('b') AND relay_test.slot('a') <> relay_test.slot('c');
    CREATE TEMP TABLE first AS SELECT * FROM outbox_relay.fetch('g4', 'x', '1 minute', 1000);
    PERFORM relay_test.equal((SELECT count(*) FROM first WHERE stream = one), 3::bigint, 'the earlier generation');
    ASSERT NOT EXISTS (SELECT FROM first WHERE stream = two AND key <> 'c'), 'later only where the earlier is done';
    t := (SELECT token FROM first LIMIT 1);
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.fetch('g4', 'y') WHERE key <> 'c'), 'nor while it is out';
    PERFORM outbox_relay.nack('g4', t, one, 2, '0', 'no');
    PERFORM outbox_relay.ack('g4', t);
    FOR i IN 1..4 LOOP
        FOR r IN SELECT * FROM outbox_relay.fetch('g4', 'x') LOOP
            got := got || (r.stream * 100 + r.position);
            IF r.stream = one AND r.position = 2 AND r.attempts = 1 THEN
                PERFORM outbox_relay.nack('g4', r.token, one, 2, '1 hour', 'no');
            END IF;
            t2 := r.token;
        END LOOP;
        IF t2 IS NOT NULL THEN PERFORM outbox_relay.ack('g4', t2); t2 := NULL; END IF;
    END LOOP;
    ASSERT two * 100 + 1 = ANY(got), 'a of the later generation';
    ASSERT NOT two * 100 + 2 = ANY(got), 'b waits behind the parked b of the earlier';
    UPDATE outbox_relay.parked SET due_at = now() WHERE "group" = 'g4' AND stream = one;
    UPDATE outbox_relay.parked_keys SET due_at = now() WHERE "group" = 'g4' AND stream = one;
    got := '{}';
    FOR i IN 1..4 LOOP
        FOR r IN SELECT * FROM outbox_relay.fetch('g4', 'x') LOOP
            got := got || (r.stream * 100 + r.position);
            t2 := r.token;
        END LOOP;
        IF t2 IS NOT NULL THEN PERFORM outbox_relay.ack('g4', t2); t2 := NULL; END IF;
    END LOOP;
    PERFORM relay_test.equal(got, ARRAY[one * 100 + 2, one * 100 + 3, two * 100 + 2]::bigint[], 'b in order');
END $$;
