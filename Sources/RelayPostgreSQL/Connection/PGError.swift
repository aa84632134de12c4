import RelayCore

/// PostgreSQL's error codes (appendix A of its manual) as failures of the relay's kind.
enum PGError {
    /// Raised by the queue's fence: another relay holds the lease now.
    static let staleWriter = "OR001"
    /// Raised by the queue's fence: the checkpoint is not where this writer believes.
    static let checkpointMoved = "OR002"

    /// The failure that `sqlState` stands for.
    ///
    /// The server's text is used only where it cannot hold a value of the event: never for data exceptions.
    /// - Parameter namesConstraint: whether the server named a constraint: 23514 without one is a row that no
    ///   partition takes.
    static func failure(
        sqlState: String, message: String, doing what: String, namesConstraint: Bool = false
    ) -> RelayError {
        switch sqlState {
        case staleWriter:
            return RelayError(
                .fenced, "PostgreSQL refused the write: another relay holds the lease of this pipeline now",
                isRetriable: true)
        case checkpointMoved:
            return RelayError(
                .refused, "the stored checkpoint moved since it was read; reading it again", isRetriable: true)
        case "55P03":
            return RelayError(.lockTimeout, "another session holds a lock that is needed", isRetriable: true)
        case "23514" where !namesConstraint:
            return RelayError(.missingPartition, "the queue has no partition for today", isRetriable: true)
        case "53100":
            return RelayError(
                .refused, "PostgreSQL's disk is full: free space there; delivery goes on by itself", isRetriable: true)
        case "25006":
            return RelayError(
                .refused,
                "PostgreSQL is read-only (a standby, or default_transaction_read_only is on): delivery goes on when "
                    + "it accepts writes", isRetriable: true)
        case "42501":
            return RelayError(
                .unauthorized,
                "PostgreSQL refuses \(what): \(message). Grant what is missing, then it goes on by itself",
                isRetriable: true)
        case "3F000", "42P01", "42883", "42703":
            return RelayError(
                .refused,
                "the queue's schema is incomplete (\(message)): run `outbox-relay setup`, or leave "
                    + "DESTINATION_AUTO_SETUP on", isRetriable: true)
        case "28P01", "28000":
            return RelayError(.unauthorized, "PostgreSQL refuses the login: \(message)", isRetriable: true)
        case "3D000":
            return RelayError(.unavailable, "PostgreSQL has no such database: \(message)", isRetriable: true)
        default:
            let isData = isAboutData(sqlState)
            return RelayError(
                isData ? .poison : (sqlState.hasPrefix("08") || sqlState.hasPrefix("57") ? .unavailable : .refused),
                isData
                    ? "PostgreSQL refuses a value (SQLSTATE \(sqlState))"
                    : "PostgreSQL could not do this (\(what)): \(message) (SQLSTATE \(sqlState))",
                isRetriable: !isData)
        }
    }

    /// Whether the code says that a value is at fault, not the server: data exceptions, limits of a row or an
    /// index entry, constraints that a user added.
    static func isAboutData(_ sqlState: String) -> Bool {
        ["22", "23", "54"].contains { sqlState.hasPrefix($0) }
    }
}
