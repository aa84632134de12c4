import RelayCore

/// Looks at a native queue's PostgreSQL for `check`, and sets it up for `setup`.
public struct QueueInspector: Sendable {
    private let options: NativeQueue.Options
    private let destination: String
    private let connection: PGConnection

    /// An inspector for the destination `name`.
    public init(_ options: NativeQueue.Options, destination name: String) {
        self.options = options
        destination = name
        connection = PGConnection(url: options.url, name: "pg-check")
    }

    private var subject: String { "destination.\(destination)" }

    /// What there is to say, in the order it was looked at.
    public func findings() async -> [Finding] {
        var findings: [Finding] = []
        do {
            let rows = try await connection.query(
                PGStatement(
                    """
                    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
                        pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') AS read_only,
                        has_database_privilege(current_database(), 'CREATE') AS creates,
                        current_database() AS database, current_user AS role,
                        to_regclass($1) IS NOT NULL AS found
                    """, [.text(NativeSchema.quoteIdentifier(options.schema) + ".schema_migrations")]))
            let role = rows[0, "role"] ?? ""
            let database = rows[0, "database"] ?? ""
            findings.append(Finding(.ok, subject, "PostgreSQL \(rows[0, "version"] ?? "") answers"))
            if let number = rows[0, "number"].flatMap({ Int($0) }), number < 130_000 {
                findings.append(Finding(.failure, subject, "the queue needs PostgreSQL 13 or newer"))
            }
            if rows[0, "standby"] == "t" || rows[0, "read_only"] == "on" {
                findings.append(
                    Finding(.failure, subject, "the server is read-only: DESTINATION_URL must name the primary"))
            }
            if rows[0, "found"] == "t" {
                findings.append(await schema())
            } else if rows[0, "creates"] == "t" {
                findings.append(
                    Finding(
                        .warning, subject,
                        "the schema \(options.schema) does not exist yet: `setup` or the first `run` creates it"))
            } else {
                findings.append(
                    Finding(
                        .failure, subject,
                        "the schema \(options.schema) does not exist, and \(role) may not create it: GRANT CREATE ON "
                            + "DATABASE \"\(database)\" TO \"\(role)\", or have `outbox-relay setup --print` run by an "
                            + "administrator"))
            }
        } catch {
            let error = RelayError.wrapping(error)
            findings.append(
                Finding(error.code == .unavailable ? .unreachable : .failure, subject, error.message))
        }
        return findings
    }

    private func schema() async -> Finding {
        let schema = NativeSchema.quoteIdentifier(options.schema)
        do {
            let rows = try await connection.query(
                PGStatement(
                    """
                    SELECT max(version) AS version,
                        has_schema_privilege($1, 'USAGE') AND has_table_privilege($2, 'INSERT') AS writes,
                        pg_has_role(current_user, (SELECT relowner FROM pg_catalog.pg_class
                            WHERE oid = to_regclass($2)), 'USAGE') AS owns
                    FROM \(schema).schema_migrations
                    """, [.text(options.schema), .text(schema + ".events")]))
            guard rows[0, "writes"] == "t" else {
                return Finding(
                    .failure, subject,
                    "this role may not write the queue: GRANT USAGE ON SCHEMA \(schema), and ALL ON ALL TABLES, "
                        + "SEQUENCES and FUNCTIONS IN SCHEMA \(schema) to it, or run `setup` as this role")
            }
            guard rows[0, "owns"] == "t" else {
                return Finding(
                    .failure, subject,
                    "this role does not own \(options.schema).events, so it cannot add a partition a day, and writing "
                        + "ends when the last one is full: ALTER SCHEMA and its tables' OWNER TO this role, or have them "
                        + "made by `setup` as this role")
            }
            let version = rows[0, "version"].flatMap { Int($0) }
            return version == NativeSchema.currentVersion
                ? Finding(.ok, subject, "the schema \(options.schema) is of version \(NativeSchema.currentVersion)")
                : Finding(
                    .failure, subject,
                    "the schema \(options.schema) is of version \(version ?? 0), this relay needs "
                        + "\(NativeSchema.currentVersion): run `outbox-relay setup`")
        } catch {
            return Finding(.failure, subject, RelayError.wrapping(error).message)
        }
    }
}
