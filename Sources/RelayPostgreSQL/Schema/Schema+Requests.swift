extension NativeSchema {
    /// The third step: requests that deliver events do not hide the others.
    static let requestOrder = #"""
        -- As before, but what delivers events (a replay, what another pipeline sends) comes behind what a person asks for:
        -- a long row of it, while the pipeline is paused, must not keep `resume` from being seen.
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
                    ORDER BY q.kind IN ('replay', 'publish'), q.id LIMIT $3 FOR UPDATE SKIP LOCKED)
                RETURNING r.*;
        END $fn$;
        """#
}
