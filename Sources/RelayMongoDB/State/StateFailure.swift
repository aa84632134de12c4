import RelayCore

/// Failures of the state store in words for people.
enum StateFailure {
    /// `error`, whatever it is, as what it means to the person who runs the relay.
    static func described(_ error: any Error, doing what: String, database: String) -> RelayError {
        switch error {
        case let failure as MongoFailure where failure.isFromServer && standalone.contains(failure.code):
            return standaloneServer
        case let failure as MongoFailure:
            return failure.described(doing: what, needing: grant(database))
        case let error as BSONError:
            return RelayError(
                .refused, "MongoDB sent an answer that cannot be read (\(what)): \(error)", isRetriable: true)
        case is CancellationError:
            return RelayError(.unavailable, "broken off: \(what)", isRetriable: true)
        default:
            return RelayError.wrapping(error)
        }
    }

    /// What to grant, as a person would type it.
    static func grant(_ database: String) -> String {
        "role `readWrite` on database \(database) (the relay's own outbox_relay_* collections), for example "
            + "db.grantRolesToUser(USER, [{role: \"readWrite\", db: \"\(database)\"}])"
    }

    /// A single server has no transactions.
    static var standaloneServer: RelayError {
        RelayError(
            .unsupported,
            "this mongod is a standalone server, and a webhook's state needs transactions, which only a replica set "
                + "has. Start it with --replSet rs0 and run rs.initiate() once (one member is enough)",
            isRetriable: true)
    }

    /// IllegalOperation: "Transaction numbers are only allowed on a replica set member or mongos".
    private static let standalone: Set<Int> = [20]
}

extension MongoFailure {
    static let lockTimeout = 24
    static let namespaceExists = 48
    static let maxTimeExpired = 50
    static let writeConflict = 112
    static let tooLargeForCache = 388

    /// Whether the transaction that it broke was surely not committed and may be tried again.
    var isTransient: Bool { labels.contains("TransientTransactionError") }

    /// Whether the server's cache cannot hold what a transaction changes. Older servers call it a conflict.
    var isTooLargeForCache: Bool { isFromServer && [Self.tooLargeForCache, Self.writeConflict].contains(code) }

    /// Whether somebody else's open transaction holds the document.
    var isLocked: Bool {
        isFromServer && [Self.maxTimeExpired, Self.writeConflict, Self.lockTimeout].contains(code)
    }
}
