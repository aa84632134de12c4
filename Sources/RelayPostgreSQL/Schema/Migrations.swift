/// One versioned step of the native queue's schema.
public struct Migration: Sendable {
    /// Grows by one with every step; recorded in `schema_migrations`.
    public let version: Int
    /// What the step brings, for the migrations table and for logs.
    public let name: String
    /// Several statements, without transaction control, for one schema and one type of payload column.
    public let sql: String
}

/// The tables and functions of the native queue and of the PostgreSQL state, as versioned migrations.
///
/// The SQL needs PostgreSQL 13 or newer, no superuser and no session state: it works through PgBouncer in
/// transaction mode. Every name in a function's body is qualified with the schema, since a `SET search_path`
/// on a function costs on every call.
public enum NativeSchema {
    /// The version that this build writes and reads.
    public static let currentVersion = 3

    /// Every step with the placeholders still in it, oldest first. A released step never changes: a later one replaces what it made.
    static let steps = [
        Migration(
            version: 1, name: "native queue",
            sql: [
                tables, groupTables, leaseFunctions, fenceFunctions, commandFunctions, groupFunctions,
                seekFunctions, parkFunctions, fetchFunctions, fetchEntryFunctions, ackFunctions, rejectFunctions,
                deadLetterFunctions, maintenanceFunctions, retentionFunctions,
            ].joined(separator: "\n")),
        Migration(version: 2, name: "delayed events, replays and compensation", sql: errands),
        Migration(version: 3, name: "the order of requests", sql: requestOrder),
    ]

    /// Every step with its SQL, oldest first.
    ///
    /// - Parameters:
    ///   - schema: the schema's plain name; it is quoted here.
    ///   - payloadType: `json`, `jsonb` or `bytea`.
    public static func migrations(schema: String, payloadType: String) -> [Migration] {
        steps.map { step in
            let sql = fill(step.sql, schema: schema, payloadType: payloadType)
            return Migration(version: step.version, name: step.name, sql: sql)
        }
    }

    /// The whole setup as one text: what `setup` executes and `setup --print` shows.
    ///
    /// It is one transaction under a transaction-scoped advisory lock, so that two relays that start at once take
    /// turns, and it skips the versions that are there already: running it again changes nothing. A schema
    /// written by a newer relay raises SQLSTATE `OR006`. Run it with `PQexec` or `psql`, not in pipeline mode.
    public static func setupScript(schema: String, payloadType: String) -> String {
        let steps = migrations(schema: schema, payloadType: payloadType).map { step in
            """
            DO $step$ BEGIN
            IF NOT EXISTS (SELECT FROM {schema}.schema_migrations WHERE version = \(step.version)) THEN
            EXECUTE $migration$
            \(step.sql)
            $migration$;
            INSERT INTO {schema}.schema_migrations(version, name)
            VALUES (\(step.version), \(quoteLiteral(step.name)));
            END IF;
            END $step$;
            """
        }
        let parts = ["BEGIN;", prologue] + steps + ["SELECT count(*) FROM {schema}.make_partitions();", "COMMIT;", ""]
        return fill(parts.joined(separator: "\n"), schema: schema, payloadType: payloadType)
    }

    /// The lock, the schema, the table of versions, and the refusal to run on a newer schema.
    static let prologue = #"""
        SELECT pg_advisory_xact_lock(hashtextextended('outbox-relay setup ' || {schema_literal}, 0));
        DO $step$ BEGIN
        -- CREATE SCHEMA IF NOT EXISTS would ask for the privilege even where there is nothing to create.
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {schema_literal}) THEN
            CREATE SCHEMA {schema};
        END IF;
        IF to_regclass({schema_literal_quoted} || '.schema_migrations') IS NULL THEN
            CREATE TABLE {schema}.schema_migrations(
                version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
        END IF;
        IF (SELECT max(version) FROM {schema}.schema_migrations) > {current_version} THEN
            RAISE EXCEPTION 'schema % was set up by a newer outbox-relay', {schema_literal}
                USING ERRCODE = 'OR006', HINT = 'Run the newer version, or choose another DESTINATION_SCHEMA.';
        END IF;
        END $step$;
        """#

    /// Puts the schema's name and the payload's type in the place of the placeholders.
    static func fill(_ template: String, schema: String, payloadType: String) -> String {
        let quoted = quoteIdentifier(schema)
        let values = [
            "schema": quoted,
            "schema_literal": quoteLiteral(schema),
            "schema_literal_quoted": quoteLiteral(quoted),
            "channel": quoteLiteral(schema + "_events"),
            "payload_type": payloadType,
            "current_version": String(currentVersion),
        ]
        var result = ""
        result.reserveCapacity(template.utf8.count)
        var rest = template[...]
        while let open = rest.firstIndex(of: "{") {
            result += rest[..<open]
            let after = rest.index(after: open)
            if let close = rest[after...].firstIndex(of: "}"), let value = values[String(rest[after..<close])] {
                result += value
                rest = rest[rest.index(after: close)...]
            } else {
                result += "{"
                rest = rest[after...]
            }
        }
        return result + rest
    }

    /// A name as PostgreSQL reads it verbatim.
    static func quoteIdentifier(_ name: String) -> String {
        quoted(name, "\"")
    }

    /// A text constant; `standard_conforming_strings` is on in every supported server.
    static func quoteLiteral(_ text: String) -> String {
        quoted(text, "'")
    }

    /// By scalars: a quote that a combining mark follows is a quote to PostgreSQL.
    private static func quoted(_ text: String, _ mark: Unicode.Scalar) -> String {
        var result = String.UnicodeScalarView([mark])
        for scalar in text.unicodeScalars {
            if scalar == mark { result.append(mark) }
            result.append(scalar)
        }
        result.append(mark)
        return String(result)
    }
}
