-- Partitions ahead; retention; what a group lost; cursors jump what is gone; a clock that steps back.
DO $$
DECLARE s int; r record; t uuid; d date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.make_partitions()), 0::bigint, 'they are there');
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.make_partitions(9)), 2::bigint, 'two more');
    s := relay_test.old_day('c5', 20);
    PERFORM outbox_relay.subscribe('g5', 'beginning', ARRAY[s]);
    PERFORM relay_test.publish('c5', 15, 5);
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.segments WHERE stream = s), 2::bigint, 'segments');
    SELECT * INTO r FROM outbox_relay.drop_partitions('7 days', '30 days') x WHERE x.day = d - 20;
    PERFORM relay_test.equal(r.outcome, 'kept', 'unread');
    PERFORM outbox_relay.unsubscribe(g."group") FROM outbox_relay.groups g WHERE g."group" <> 'g5';
    -- A fetch comes over the day's end in one go.
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.fetch('g5', 'x', '1 minute', 10)), 10::bigint, 'some');
    t := (SELECT token FROM outbox_relay.group_leases WHERE "group" = 'g5');
    PERFORM outbox_relay.ack('g5', t);
    SELECT * INTO r FROM outbox_relay.fetch('g5', 'x', '1 minute', 1) LIMIT 1;
    PERFORM outbox_relay.nack('g5', r.token, s, r.position, '1 hour', 'no');
    PERFORM outbox_relay.ack('g5', r.token);
    SELECT * INTO r FROM outbox_relay.drop_partitions('7 days', '10 days') x WHERE x.day = d - 20;
    PERFORM relay_test.equal(r.outcome, 'lost', 'past the maximum');
    SELECT sum(events) AS events, sum(parked) AS parked, min(day) AS day INTO r FROM outbox_relay.group_losses WHERE "group" = 'g5';
    ASSERT r.events + r.parked = 10 AND r.parked = 1 AND r.day = d - 20, 'what is lost is on record: ' || r;
    ASSERT to_regclass('outbox_relay.events_' || to_char(d - 20, 'YYYYMMDD')) IS NULL;
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.fetch('g5', 'x', '1 minute', 100)), 15::bigint, 'the rest');
    PERFORM outbox_relay.ack('g5', (SELECT token FROM outbox_relay.group_leases WHERE "group" = 'g5'));
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.fetch('g5', 'x'));
    -- The clock steps back a day, and forward again: order is by position all the same.
    s := relay_test.start('c5back');
    PERFORM outbox_relay.subscribe('g5back', 'beginning', ARRAY[s]);
    PERFORM relay_test.publish('c5back', 5, 1, 'k');
    PERFORM relay_test.publish('c5back', 5, 1, 'k');
    PERFORM relay_test.publish('c5back', 5, 1, 'k');
    UPDATE outbox_relay.events SET enqueued_at = enqueued_at - interval '1 day' WHERE stream = s AND position BETWEEN 6 AND 10;
    INSERT INTO outbox_relay.segments VALUES (s, 6, d - 1), (s, 11, d);
    PERFORM relay_test.equal((SELECT array_agg(position) FROM outbox_relay.fetch('g5back', 'x', '1 minute', 3)),
        '{1,2,3}'::bigint[], 'first');
    PERFORM outbox_relay.ack('g5back', (SELECT token FROM outbox_relay.group_leases WHERE "group" = 'g5back' AND token IS NOT NULL));
    FOR i IN 1..4 LOOP
        SELECT array_agg(position) AS p, (array_agg(token))[1] AS t INTO r FROM outbox_relay.fetch('g5back', 'x', '1 minute', 6);
        EXIT WHEN r.p IS NULL;
        PERFORM relay_test.equal(r.p[1], (SELECT min(position) + 1 FROM outbox_relay.group_cursors
            WHERE "group" = 'g5back' AND slot = relay_test.slot('k')), 'next');
        PERFORM outbox_relay.ack('g5back', r.t);
    END LOOP;
    PERFORM relay_test.equal((SELECT position FROM outbox_relay.group_cursors WHERE "group" = 'g5back'
        AND slot = relay_test.slot('k')), 15::bigint, 'through');
    INSERT INTO outbox_relay.delivered VALUES (s, 'x', now() - interval '1 hour'), (s, 'y', now());
    PERFORM relay_test.equal(outbox_relay.prune_delivered('30 minutes'), 1, 'pruned');
END $$;
