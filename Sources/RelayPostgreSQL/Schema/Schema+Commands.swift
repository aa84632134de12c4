extension NativeSchema {
    /// Requests that commands leave and the lease holder carries out; flags and names of pipelines.
    static let commandFunctions = #"""
        CREATE FUNCTION {schema}.leave_request(
            pipeline text, kind text, argument jsonb DEFAULT '{}', ttl interval DEFAULT '1 minute'
        ) RETURNS bigint LANGUAGE sql AS $fn$
            INSERT INTO {schema}.requests AS r (pipeline, kind, argument, expires_at)
                VALUES ($1, $2, $3, clock_timestamp() + $4) RETURNING r.id
        $fn$;

        -- What is pending, and what was begun and not finished, by a former holder or by this one (who knows what it is
        -- doing). What nobody waits for any more is not begun.
        CREATE FUNCTION {schema}.take_requests(pipeline text, epoch bigint, "limit" int DEFAULT 10)
        RETURNS SETOF {schema}.requests LANGUAGE plpgsql AS $fn$
        #variable_conflict use_column
        BEGIN
            UPDATE {schema}.requests r SET state = 'expired', finished_at = clock_timestamp()
                WHERE r.pipeline = $1 AND r.expires_at <= clock_timestamp()
                    AND (r.state = 'pending' OR (r.state = 'running' AND r.epoch < $2));
            RETURN QUERY UPDATE {schema}.requests r SET state = 'running', epoch = $2
                WHERE r.id IN (SELECT q.id FROM {schema}.requests q
                    WHERE q.pipeline = $1 AND (q.state = 'pending'
                        OR (q.state = 'running' AND q.epoch <= $2 AND q.expires_at > clock_timestamp()))
                    ORDER BY q.id LIMIT $3 FOR UPDATE SKIP LOCKED)
                RETURNING r.*;
        END $fn$;

        -- False: another epoch has taken the request since.
        CREATE FUNCTION {schema}.finish_request(id bigint, epoch bigint, succeeded boolean, answer jsonb DEFAULT NULL)
        RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.requests r SET state = CASE WHEN $3 THEN 'done' ELSE 'failed' END, answer = $4,
                    finished_at = clock_timestamp()
                WHERE r.id = $1 AND r.state = 'running' AND r.epoch = $2;
            RETURN FOUND;
        END $fn$;

        CREATE FUNCTION {schema}.pause_pipeline(pipeline text, reason text DEFAULT NULL)
        RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.pipelines p SET paused = true, paused_reason = $2, paused_at = clock_timestamp()
                WHERE p.pipeline = $1;
            RETURN FOUND;
        END $fn$;

        -- Also lifts a halt: whoever resumes has read its reason.
        CREATE FUNCTION {schema}.resume_pipeline(pipeline text) RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.pipelines p SET paused = false, paused_reason = NULL, paused_at = NULL,
                    halted_reason = NULL, halted_at = NULL
                WHERE p.pipeline = $1;
            RETURN FOUND;
        END $fn$;

        CREATE FUNCTION {schema}.halt_pipeline(pipeline text, reason text) RETURNS boolean LANGUAGE plpgsql AS $fn$
        BEGIN
            UPDATE {schema}.pipelines p SET halted_reason = $2, halted_at = clock_timestamp() WHERE p.pipeline = $1;
            RETURN FOUND;
        END $fn$;

        -- Carries stream, checkpoint and all records over to a new name; the new name may be registered, but unused.
        CREATE FUNCTION {schema}.adopt_pipeline("old" text, "new" text) RETURNS void LANGUAGE plpgsql AS $fn$
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
            UPDATE {schema}.requests SET pipeline = $2 WHERE pipeline = $1;
        END $fn$;

        -- Frees the name. The stream stays readable under <name>#forgotten-<stream>: groups may still be reading it.
        CREATE FUNCTION {schema}.forget_pipeline(pipeline text) RETURNS text LANGUAGE plpgsql AS $fn$
        DECLARE _name text;
        BEGIN
            SELECT $1 || '#forgotten-' || s.stream INTO _name FROM {schema}.streams s WHERE s.pipeline = $1;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'pipeline % is not registered', $1 USING ERRCODE = 'OR003';
            END IF;
            PERFORM {schema}.adopt_pipeline($1, _name);
            RETURN _name;
        END $fn$;
        """#
}
