import RelayCore

/// Carries a pipeline's state in PostgreSQL over to another name, in one transaction: stream, checkpoint, dead letters,
/// requests. The stream keeps its number, so positions go on for its readers.
public struct QueueAdoption: Sendable {
    /// What stands in the way.
    public enum Refusal: Sendable, Equatable {
        /// There is nothing of the old name.
        case missing
        /// The new name has delivered something.
        case hasDelivered
        /// A relay holds the lease of `pipeline`.
        case held(pipeline: String, holder: String)
    }

    private let schema: String
    private let connection: PGConnection

    /// In the schema that `options` name; which pipeline they are for does not matter.
    public init(_ options: NativeQueue.Options) {
        schema = NativeSchema.quoteIdentifier(options.schema)
        connection = PGConnection(url: options.url, name: "pg-command")
    }

    /// Names of pipelines of the relay `relay` that have state here; none where there is no queue yet.
    public func stored(of relay: String) async throws -> [String] {
        let found = try await connection.query(
            PGStatement("SELECT to_regclass($1) IS NOT NULL AS found", [.text(schema + ".streams")]))
        guard found[0, "found"] == "t" else { return [] }
        return try await connection.query(
            PGStatement(
                "SELECT pipeline FROM \(schema).streams WHERE starts_with(pipeline, $1) ORDER BY 1",
                [.text(relay + "/")])
        ).rows.compactMap { $0.first ?? nil }
    }

    /// Carries everything over, or nothing.
    /// - Parameter beforeCommit: called when all is written and nothing is committed; what it throws undoes it.
    /// - Returns: what stands in the way, if something does.
    public func move(
        from old: String, to new: String, beforeCommit: () async throws -> Void
    ) async throws -> Refusal? {
        _ = try await connection.query(PGStatement("BEGIN"))
        do {
            if let refusal = try await refusal(old, new) {
                _ = try await connection.query(PGStatement("ROLLBACK"))
                return refusal
            }
            for statement in statements(old, new) { _ = try await connection.query(statement) }
            try await beforeCommit()
            _ = try await connection.query(PGStatement("COMMIT"))
            return nil
        } catch {
            await connection.close()
            throw error
        }
    }

    private func refusal(_ old: String, _ new: String) async throws -> Refusal? {
        let names: [PGParameter] = [.text(old), .text(new)]
        // Locked until the end: no relay takes a lease or writes meanwhile.
        let leases = try await connection.query(
            PGStatement(
                """
                SELECT pipeline, coalesce(holder, owner) AS holder,
                    owner IS NOT NULL AND expires_at > clock_timestamp() AS live
                FROM \(schema).leases WHERE pipeline IN ($1, $2) ORDER BY pipeline FOR UPDATE
                """, names))
        for row in 0..<leases.count where leases[row, "live"] == "t" {
            return .held(pipeline: leases[row, "pipeline"] ?? "", holder: leases[row, "holder"] ?? "another relay")
        }
        let checkpoints = try await connection.query(
            PGStatement(
                "SELECT pipeline, \"position\" FROM \(schema).checkpoints WHERE pipeline IN ($1, $2) "
                    + "ORDER BY pipeline FOR UPDATE", names))
        let positions = Dictionary(
            uniqueKeysWithValues: (0..<checkpoints.count).map {
                (checkpoints[$0, "pipeline"] ?? "", checkpoints[$0, "position"].flatMap { Int64($0) } ?? 0)
            })
        guard positions[old] != nil else { return .missing }
        let letters = try await connection.query(
            PGStatement(
                "SELECT EXISTS (SELECT FROM \(schema).dead_letters WHERE pipeline = $1) "
                    + "OR EXISTS (SELECT FROM \(schema).delayed WHERE pipeline = $1) AS found", [.text(new)]))
        if (positions[new] ?? 0) > 0 || letters[0, "found"] == "t" { return .hasDelivered }
        return nil
    }

    private func statements(_ old: String, _ new: String) -> [PGStatement] {
        [
            // An idle start of the new name has left one, at nothing.
            PGStatement("UPDATE \(schema).checkpoints SET checkpoint = NULL WHERE pipeline = $1", [.text(new)]),
            PGStatement("SELECT \(schema).adopt_pipeline($1, $2)", [.text(old), .text(new)]),
        ]
    }
}
