import RelayCore

/// Carries what MongoDB holds of a pipeline over to another name.
///
/// Of a queue's pipeline that is its start time and its entry in the registry; of a webhook's, all of its state. What
/// may be large is copied on the server, then the checkpoint moves in a transaction, then what is left of the old name is
/// removed: broken off anywhere, the command can be run again.
public struct MongoAdoption: Sendable {
    private let endpoint: MongoEndpoint
    private let old: String
    private let new: String
    private let holder: String
    private let connection: MongoConnection

    /// From the name `old` to the name `new`.
    public init(_ endpoint: MongoEndpoint, from old: String, to new: String, holder: String) {
        self.endpoint = endpoint
        self.old = old
        self.new = new
        self.holder = holder
        connection = MongoConnection(uri: endpoint.uri, name: "mongo-command", socketTimeout: .seconds(600))
    }

    private var database: String { endpoint.stateDatabase }

    /// Gives the start time and the registry's entries of the old name to the new one as well.
    public func copyStart() async throws {
        let (old, new) = (old, new)
        try await call("carrying the start time over") { connection, database in
            try connection.copyStart(from: old, to: new, on: database)
        }
    }

    /// Removes both of the old name.
    public func dropOldStart() async throws {
        let old = old
        try await call("removing the old start time") { connection, database in
            try connection.dropStart(of: old, on: database)
        }
    }

    /// Carries all of a webhook pipeline's state over.
    /// - Throws: ``RelayError`` when a relay holds either name, there is no state of the old one, or the new one has
    ///   delivered something already.
    public func moveState() async throws {
        let (old, new, holder) = (old, new, holder)
        try await call("carrying the state of \(old) over to \(new)") { connection, database in
            let stored = try connection.checkpoints(of: old, new, on: database)
            guard stored[old] != nil else {
                throw Self.missing(old, in: "\(database).\(StateCollection.checkpoints.rawValue)")
            }
            if let known = stored[new], Self.hasBegun(known) { throw Self.hasDelivered(new, old) }
            // Held from here on: no relay begins with either name meanwhile.
            let owner = "adopt-" + String(UInt64.random(in: .min ... .max), radix: 16)
            for name in [old, new] {
                if let other = try connection.hold(name, owner: owner, holder: holder, on: database) {
                    throw Self.isHeld(name, by: other)
                }
            }
            defer { for name in [old, new] { try? connection.release(name, owner: owner, on: database) } }
            try connection.copyEvents(from: old, to: new, on: database)
            try connection.copyStart(from: old, to: new, on: database)
            try connection.moveCheckpoint(from: old, to: new, on: database)
            try connection.dropEvents(of: old, on: database)
            try connection.dropStart(of: old, on: database)
        }
    }

    /// Whether a checkpoint's document tells of anything delivered, parked or given up.
    private static func hasBegun(_ document: BSONDocument) -> Bool {
        ["position", "parkedEvents", "lastDeadLetter"].contains { (document[$0]?.int64 ?? 0) > 0 }
    }

    /// - Parameter place: where it was looked for.
    public static func missing(_ pipeline: String, in place: String) -> RelayError {
        RelayError(
            .refused,
            "there is no pipeline \(pipeline) in \(place): nothing to adopt. Check the name, and that the new "
                + "destination's server is that of the old one")
    }

    public static func hasDelivered(_ new: String, _ old: String) -> RelayError {
        RelayError(
            .refused,
            "\(new) has delivered events already, so it cannot go on where \(old) stopped without a gap or a repeat that "
                + "nobody asked for. Nothing was changed")
    }

    public static func isHeld(_ pipeline: String, by holder: String) -> RelayError {
        RelayError(.refused, "\(holder) holds the lease of \(pipeline): stop that relay first. Nothing was changed")
    }

    private func call(
        _ what: String, _ body: @escaping @Sendable (isolated MongoConnection, String) throws -> Void
    ) async throws {
        let database = database
        do {
            try await connection.perform { try body($0, database) }
        } catch {
            throw StateFailure.described(error, doing: what, database: database)
        }
    }
}
