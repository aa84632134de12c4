-- Registration, lease, fence.
DO $$
DECLARE s int; r record;
BEGIN
    s := outbox_relay.register('p');
    PERFORM relay_test.equal(outbox_relay.register('p'), s, 'registered again');
    PERFORM relay_test.raises('OR004', $q$SELECT outbox_relay.register('p', 0, 2)$q$);
    PERFORM relay_test.raises('OR003', $q$SELECT outbox_relay.acquire_lease('none', 'a', '1 second')$q$);
    SELECT * INTO r FROM outbox_relay.acquire_lease('p', 'a', '10 seconds', 'host 1');
    ASSERT r.acquired AND r.epoch = 1 AND r.stream = s AND r.expires_in = '10 seconds';
    SELECT * INTO r FROM outbox_relay.acquire_lease('p', 'a', '10 seconds', 'host 1');
    ASSERT r.acquired AND r.epoch = 1, 'the same owner again keeps the epoch';
    SELECT * INTO r FROM outbox_relay.acquire_lease('p', 'b', '10 seconds', 'host 2');
    ASSERT NOT r.acquired AND r.held_by = 'host 1' AND r.expires_in BETWEEN '8 seconds' AND '10 seconds';
    ASSERT outbox_relay.renew_lease('p', 'a', 1, '10 seconds');
    ASSERT NOT outbox_relay.renew_lease('p', 'b', 1, '10 seconds');
    PERFORM relay_test.raises('OR001', $q$SELECT outbox_relay.advance('p', 'a', 1, 0, 1, 'x')$q$);
    PERFORM outbox_relay.fence_takeover('p', 'a', 1);
    PERFORM relay_test.raises('OR001', $q$SELECT outbox_relay.fence_takeover('p', 'b', 2)$q$);
    PERFORM outbox_relay.advance('p', 'a', 1, 0, 3, '{"t":1}');
    PERFORM relay_test.raises('OR002', $q$SELECT outbox_relay.advance('p', 'a', 1, 0, 3, 'x')$q$);
    PERFORM relay_test.raises('OR002', $q$SELECT outbox_relay.advance('p', 'a', 1, 3, 2, 'x')$q$);
    PERFORM relay_test.raises('OR003', $q$SELECT outbox_relay.advance('none', 'a', 1, 3, 4, 'x')$q$);
    SELECT * INTO r FROM outbox_relay.load_checkpoint('p');
    ASSERT r.position = 3 AND r.checkpoint = '{"t":1}' AND r.owner = 'a' AND r.epoch = 1 AND r.stream = s;
    PERFORM relay_test.raises('OR001', $q$SELECT * FROM outbox_relay.end_blockers('p', 'b', 2)$q$);
    -- Time is up: another takes it, with a higher epoch, and the old one is out.
    UPDATE outbox_relay.leases SET expires_at = clock_timestamp() WHERE pipeline = 'p';
    ASSERT NOT outbox_relay.renew_lease('p', 'a', 1, '10 seconds'), 'an expired lease cannot be renewed';
    SELECT * INTO r FROM outbox_relay.acquire_lease('p', 'b', '10 seconds');
    ASSERT r.acquired AND r.epoch = 2;
    PERFORM outbox_relay.advance('p', 'a', 1, 3, 4, 'still the writer until the fence');
    PERFORM relay_test.equal((SELECT position FROM outbox_relay.fence_takeover('p', 'b', 2)), 4::bigint, 'position');
    PERFORM relay_test.raises('OR001', $q$SELECT outbox_relay.advance('p', 'a', 1, 4, 5, 'x')$q$);
    PERFORM relay_test.raises('OR001', $q$SELECT outbox_relay.fence_takeover('p', 'a', 1)$q$);
    ASSERT NOT outbox_relay.release_lease('p', 'a', 1);
    ASSERT outbox_relay.release_lease('p', 'b', 2);
    -- A failover took the lease's row back: the epoch still grows.
    DELETE FROM outbox_relay.leases WHERE pipeline = 'p';
    SELECT * INTO r FROM outbox_relay.acquire_lease('p', 'c', '10 seconds');
    ASSERT r.acquired AND r.epoch = 3;
    PERFORM relay_test.equal((SELECT count(*) FROM outbox_relay.segments WHERE stream = s), 1::bigint, 'segments');
    PERFORM outbox_relay.notify_events();
END $$;

-- Requests, flags, names.
DO $$
DECLARE a bigint; b bigint; r record;
BEGIN
    a := outbox_relay.leave_request('p', 'replay', '{"since":"x"}');
    b := outbox_relay.leave_request('p', 'replay', '{}', '-1 second');
    SELECT array_agg(id) AS ids INTO r FROM outbox_relay.take_requests('p', 3);
    ASSERT r.ids = ARRAY[a], 'what is expired is not taken';
    PERFORM relay_test.equal((SELECT state FROM outbox_relay.requests WHERE id = b), 'expired', 'state');
    ASSERT EXISTS (SELECT FROM outbox_relay.take_requests('p', 3)), 'handed out until it is answered';
    ASSERT EXISTS (SELECT FROM outbox_relay.take_requests('p', 4)), 'the next holder takes up what was left';
    ASSERT NOT outbox_relay.finish_request(a, 3, true);
    ASSERT outbox_relay.finish_request(a, 4, true, '{"replayed":1}');
    ASSERT outbox_relay.pause_pipeline('p', 'because');
    ASSERT (SELECT paused AND paused_reason = 'because' FROM outbox_relay.pipelines WHERE pipeline = 'p');
    ASSERT outbox_relay.halt_pipeline('p', 'gap');
    ASSERT outbox_relay.resume_pipeline('p');
    ASSERT (SELECT NOT paused AND halted_reason IS NULL FROM outbox_relay.pipelines WHERE pipeline = 'p');
    PERFORM relay_test.raises('OR004', $q$SELECT outbox_relay.adopt_pipeline('p', 'q')$q$);
    PERFORM outbox_relay.release_lease('p', 'c', 3);
    PERFORM outbox_relay.register('q');
    PERFORM outbox_relay.adopt_pipeline('p', 'q');
    ASSERT (SELECT position = 4 FROM outbox_relay.load_checkpoint('q'));
    ASSERT NOT EXISTS (SELECT FROM outbox_relay.streams WHERE pipeline = 'p');
    PERFORM outbox_relay.register('p');
    PERFORM relay_test.raises('OR003', $q$SELECT outbox_relay.adopt_pipeline('none', 'p')$q$);
    ASSERT outbox_relay.forget_pipeline('p') LIKE 'p#forgotten-%' AND outbox_relay.forget_pipeline('q') IS NOT NULL;
    INSERT INTO outbox_relay.dead_letters (pipeline, reason_code, reason) VALUES ('p', 'x', 'y') RETURNING id INTO a;
    PERFORM relay_test.equal(outbox_relay.resolve_dead_letters('p', ARRAY[a], 'discarded'), 1, 'resolved');
    PERFORM relay_test.equal(outbox_relay.resolve_dead_letters('p', ARRAY[a], 'retried'), 0, 'resolved again');
END $$;
