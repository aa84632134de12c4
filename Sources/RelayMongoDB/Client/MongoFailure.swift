import RelayCore

/// A failure that MongoDB or its driver reported, before it is known what it means to the caller.
package struct MongoFailure: Error, Sendable {
    /// The server's error code, or the driver's.
    package let code: Int
    /// Whether the server answered: false when the driver could not reach it.
    package let isFromServer: Bool
    package let message: String
    /// What the server or the driver says that the caller may do: `TransientTransactionError`,
    /// `UnknownTransactionCommitResult` and the like.
    package var labels: Set<String> = []

    static let unauthorized = 13
    static let namespaceNotFound = 26
    static let cursorNotFound = 43
    static let snapshotTooOld = 239
    static let snapshotUnavailable = 246
    static let invalidResumeToken = 260
    static let changeStreamFatal = 280
    static let historyLost = 286
    static let objectTooLarge = 10334
    static let notReplicaSet = 40573
    /// What a standalone server answers to a snapshot read.
    static let notAReplicaSet = 123
    static let duplicateKey = 11000

    /// Whether the stream's position is refused because its options are no longer what they were.
    var isUnresumable: Bool { isFromServer && (code == Self.invalidResumeToken || code == Self.changeStreamFatal) }

    /// Whether the server no longer keeps the snapshot that was asked for.
    var isSnapshotGone: Bool { isFromServer && (code == Self.snapshotTooOld || code == Self.snapshotUnavailable) }

    /// What it means to the person who runs the relay.
    /// - Parameters:
    ///   - what: what was being done, as the end of "MongoDB failed while …".
    ///   - grant: the privilege that it needs.
    func described(doing what: String, needing grant: String) -> RelayError {
        guard isFromServer else {
            return RelayError(.unavailable, "cannot reach MongoDB (\(what)): \(message)", isRetriable: true)
        }
        switch code {
        case Self.unauthorized:
            return RelayError(
                .unauthorized, "MongoDB refuses \(what): the user lacks a privilege. Grant it: \(grant)",
                isRetriable: true)
        case 18:
            return RelayError(
                .unauthorized, "MongoDB refuses the login: check user, password and authSource in MONGODB_URI",
                isRetriable: true)
        case Self.notReplicaSet, Self.notAReplicaSet:
            return RelayError(
                .unsupported,
                "this mongod is a standalone server, and change streams need a replica set. Start it with "
                    + "--replSet rs0 and run rs.initiate() once (one member is enough), or set SOURCE_CAPTURE=poll",
                isRetriable: true)
        case Self.historyLost:
            return RelayError(
                .historyLost,
                "the oplog no longer reaches back to the checkpoint (\(what)): events in between cannot be read from "
                    + "the stream any more")
        case Self.objectTooLarge:
            return RelayError(
                .oversized, "a change event is larger than the 16 MiB that the server can send (\(what))")
        default:
            return RelayError(
                .refused, "MongoDB failed (\(what)): \(message) (code \(code))", isRetriable: true)
        }
    }
}
