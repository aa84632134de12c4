extension NativeSchema {
    /// The second step: delayed events, requests that take several transactions or come from another pipeline, and
    /// which dead letters are compensated.
    static let errands = #"""
        -- Events that are not due yet. Their order is that of their times.
        CREATE TABLE {schema}.delayed (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            pipeline text NOT NULL,
            due timestamptz NOT NULL,
            event_id text NOT NULL,
            topic text NOT NULL,
            type text NOT NULL,
            key text NOT NULL,
            headers jsonb NOT NULL DEFAULT '{}',
            payload {payload_type} NOT NULL,
            schema_version text,
            occurred_at timestamptz,
            traceparent text,
            delayed_at timestamptz NOT NULL DEFAULT now());
        CREATE INDEX delayed_due ON {schema}.delayed (pipeline, due, id);
        CREATE INDEX delayed_event ON {schema}.delayed USING hash (event_id);
        COMMENT ON TABLE {schema}.delayed IS 'Events whose deliverAfter has not come yet.';

        -- Moves delayed events into the log, in the order of ids, from first_position on. After advance(), which has
        -- made room for exactly so many.
        CREATE FUNCTION {schema}.release_delayed(pipeline text, stream int, first_position bigint, ids bigint[])
        RETURNS void LANGUAGE plpgsql AS $fn$
        DECLARE _count bigint;
        BEGIN
            WITH gone AS (
                DELETE FROM {schema}.delayed d WHERE d.pipeline = $1 AND d.id = ANY ($4) RETURNING d.*)
            INSERT INTO {schema}.events (stream, position, slot, event_id, topic, type, key, headers, payload,
                    schema_version, occurred_at, traceparent)
                SELECT $2, $3 + o.n - 1, get_byte(sha256(convert_to(g.key, 'UTF8')), 0)::smallint, g.event_id, g.topic,
                        g.type, g.key, g.headers, g.payload, g.schema_version, g.occurred_at, g.traceparent
                    FROM gone g JOIN unnest($4) WITH ORDINALITY AS o(id, n) ON o.id = g.id;
            GET DIAGNOSTICS _count = ROW_COUNT;
            IF _count <> cardinality($4) THEN
                RAISE EXCEPTION 'pipeline %: % of % delayed events are there', $1, _count, cardinality($4)
                    USING ERRCODE = 'OR002', HINT = 'Load the checkpoint again and resume there.';
            END IF;
        END $fn$;

        ALTER TABLE {schema}.requests ADD COLUMN progress text, ADD COLUMN identity text;
        CREATE UNIQUE INDEX requests_identity ON {schema}.requests (pipeline, identity) WHERE identity IS NOT NULL;

        -- How far a request is, in the transaction that brought it there.
        CREATE FUNCTION {schema}.note_progress(id bigint, epoch bigint, progress text)
        RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.requests r SET progress = $3 WHERE r.id = $1 AND r.state = 'running' AND r.epoch = $2;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'request % is not being carried out by epoch %', $1, $2
                    USING ERRCODE = 'OR002', HINT = 'Load the checkpoint again and resume there.';
            END IF;
        END $fn$;

        -- Once for each identity, however often it is left. It does not expire.
        CREATE FUNCTION {schema}.leave_request_once(pipeline text, kind text, argument jsonb, identity text)
        RETURNS void LANGUAGE sql AS $fn$
            INSERT INTO {schema}.requests AS r (pipeline, kind, argument, identity, expires_at)
                VALUES ($1, $2, $3, $4, 'infinity') ON CONFLICT DO NOTHING
        $fn$;

        -- As before, but what has made progress does not expire: it goes on whoever leads.
        CREATE OR REPLACE FUNCTION {schema}.take_requests(pipeline text, epoch bigint, "limit" int DEFAULT 10)
        RETURNS SETOF {schema}.requests LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        BEGIN
            UPDATE {schema}.requests r SET state = 'expired', finished_at = clock_timestamp()
                WHERE r.pipeline = $1 AND r.expires_at <= clock_timestamp() AND r.progress IS NULL
                    AND (r.state = 'pending' OR (r.state = 'running' AND r.epoch < $2));
            RETURN QUERY UPDATE {schema}.requests r SET state = 'running', epoch = $2
                WHERE r.id IN (SELECT q.id FROM {schema}.requests q
                    WHERE q.pipeline = $1 AND (q.state = 'pending'
                        OR (q.state = 'running' AND q.epoch <= $2
                            AND (q.expires_at > clock_timestamp() OR q.progress IS NOT NULL)))
                    ORDER BY q.id LIMIT $3 FOR UPDATE SKIP LOCKED)
                RETURNING r.*;
        END $fn$;

        ALTER TABLE {schema}.dead_letters ADD COLUMN compensated_at timestamptz;
        CREATE INDEX dead_letters_uncompensated ON {schema}.dead_letters (pipeline, id)
            WHERE compensated_at IS NULL AND state <> 'retried';

        -- Carries stream, checkpoint and all records over to a new name; the new name may be registered, but unused.
        CREATE OR REPLACE FUNCTION {schema}.adopt_pipeline("old" text, "new" text) RETURNS void LANGUAGE plpgsql AS $fn$
        BEGIN
            PERFORM FROM {schema}.checkpoints c WHERE c.pipeline = $1 FOR UPDATE;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'pipeline % is not registered', $1 USING ERRCODE = 'OR003';
            END IF;
            IF EXISTS (SELECT FROM {schema}.checkpoints c WHERE c.pipeline = $2
                AND (c.position > 0 OR c.checkpoint IS NOT NULL)) THEN
                RAISE EXCEPTION 'pipeline % has a checkpoint of its own', $2
                    USING ERRCODE = 'OR004', HINT = 'Forget it first, or choose another name.';
            END IF;
            IF EXISTS (SELECT FROM {schema}.leases l WHERE l.pipeline IN ($1, $2) AND l.owner IS NOT NULL
                AND l.expires_at > clock_timestamp()) THEN
                RAISE EXCEPTION 'a relay holds the lease of % or of %', $1, $2
                    USING ERRCODE = 'OR004', HINT = 'Stop it first.';
            END IF;
            DELETE FROM {schema}.group_streams g USING {schema}.streams s WHERE s.pipeline = $2 AND g.stream = s.stream;
            DELETE FROM {schema}.group_cursors g USING {schema}.streams s WHERE s.pipeline = $2 AND g.stream = s.stream;
            DELETE FROM {schema}.leases WHERE pipeline = $2;
            DELETE FROM {schema}.checkpoints WHERE pipeline = $2;
            DELETE FROM {schema}.pipelines WHERE pipeline = $2;
            DELETE FROM {schema}.streams WHERE pipeline = $2;
            UPDATE {schema}.streams SET pipeline = $2, family = CASE WHEN family = $1 THEN $2 ELSE family END
                WHERE pipeline = $1;
            UPDATE {schema}.checkpoints SET pipeline = $2 WHERE pipeline = $1;
            UPDATE {schema}.leases SET pipeline = $2 WHERE pipeline = $1;
            UPDATE {schema}.pipelines SET pipeline = $2 WHERE pipeline = $1;
            UPDATE {schema}.dead_letters SET pipeline = $2 WHERE pipeline = $1;
            UPDATE {schema}.delayed SET pipeline = $2 WHERE pipeline = $1;
            UPDATE {schema}.requests SET pipeline = $2 WHERE pipeline = $1;
        END $fn$;
        """#
}
