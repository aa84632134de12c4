import Foundation
import RelayCore

/// What happens when the oplog no longer reaches back to the checkpoint (`SOURCE_ON_HISTORY_LOST`).
public enum HistoryLostPolicy: String, Sendable {
    /// Publishes from the collection what may have been missed.
    case rescan
    /// Waits for a person.
    case halt
    /// Goes on behind the gap, which is recorded.
    case skip
}

/// Finds and records what the oplog no longer holds.
struct LostHistory {
    /// A stretch of the oplog that cannot be read.
    struct Gap {
        /// Up to here everything was read.
        var from: ClusterTime
        /// From here on the stream can be read again.
        var to: ClusterTime
        /// A snapshot can be read at this time.
        var now: ClusterTime
    }

    private let connection: MongoConnection
    private let endpoint: MongoEndpoint

    /// `{pipeline, from, to, policy, recordedAt}`, one document a gap.
    static let collection = "outbox_relay_gaps"

    init(_ connection: MongoConnection, endpoint: MongoEndpoint) {
        self.connection = connection
        self.endpoint = endpoint
    }

    /// The gap behind `position`: up to the oplog's oldest entry where that may be seen, else up to now.
    func gap(behind position: Checkpoint) async throws -> Gap {
        let now = try await ClusterIdentity(connection, endpoint: endpoint).snapshotTime()
        let from = position.clusterTime ?? position.backlog?.snapshot ?? ClusterTime(seconds: 0, increment: 0)
        // A moment later than the oldest entry, which may be gone when the stream is opened.
        let oldest = try await OplogWindow.read(connection)?.oldest
        let to = oldest.map { min(now, ClusterTime(seconds: $0.seconds + 1, increment: 0)) } ?? now
        return Gap(from: from, to: max(from, to), now: now)
    }

    /// Writes the gap down, for the person who has to answer for it.
    func record(_ gap: Gap, of pipeline: String, policy: HistoryLostPolicy) async throws {
        let id: BSONDocument = ["pipeline": .string(pipeline), "from": gap.from.bson]
        let database = endpoint.stateDatabase
        let command: BSONDocument = [
            "update": .string(Self.collection),
            "updates": [
                [
                    "q": ["_id": .document(id)],
                    "u": [
                        "$set": ["to": gap.to.bson, "policy": .string(policy.rawValue)],
                        "$currentDate": ["recordedAt": true],
                    ],
                    "upsert": true,
                ]
            ], "writeConcern": ["w": "majority", "wtimeout": 10_000],
        ]
        try await connection.perform { _ = try $0.write(command, on: database) }
    }

    /// A cluster time for people.
    static func text(_ time: ClusterTime) -> String {
        time.seconds == 0
            ? "the beginning"
            : Date(timeIntervalSince1970: Double(time.seconds)).formatted(.iso8601)
    }
}
