-- Simulated consumers that reject, give up, roll back and vanish at random: exactly one effect for each event, keys in
-- order. Each seed is another run.
CREATE PROCEDURE pg_temp.chaos(seed int) LANGUAGE plpgsql AS $$
DECLARE g text := 'chaos' || seed;
BEGIN
    PERFORM setseed(seed / 1000.0);
    PERFORM relay_test.start(g);
    PERFORM outbox_relay.subscribe(g, 'beginning', ARRAY[(SELECT stream FROM outbox_relay.streams WHERE pipeline = g)]);
    COMMIT;
    FOR i IN 1..60 LOOP
        IF i <= 40 THEN PERFORM relay_test.publish(g, 10, CASE WHEN seed % 2 = 0 THEN 4 ELSE 30 END); END IF;
        COMMIT;
        PERFORM relay_test.round(g, 'c' || floor(random() * 4), 1.5, 1 + floor(random() * 30)::int);
        IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
        IF random() < 0.2 THEN
            UPDATE outbox_relay.group_leases SET leased_until = '-infinity' WHERE "group" = g AND token IS NOT NULL;
        END IF;
    END LOOP;
    CALL relay_test.drain(g, 'last');
    PERFORM relay_test.verify(g, 400);
    COMMIT;
END $$;
CALL pg_temp.chaos(1);
CALL pg_temp.chaos(2);
CALL pg_temp.chaos(3);
CALL pg_temp.chaos(4);
CALL pg_temp.chaos(5);
CALL pg_temp.chaos(6);
CALL pg_temp.chaos(7);
CALL pg_temp.chaos(8);
CALL pg_temp.chaos(9);
CALL pg_temp.chaos(10);
