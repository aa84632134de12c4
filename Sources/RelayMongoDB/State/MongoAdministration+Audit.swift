import Foundation
import RelayCore

extension MongoAdministration {
    public func fates(of ids: [String]) async throws -> [String: EventFate] {
        let (database, queries) = (database, queries)
        var fates: [String: EventFate] = [:]
        // In the order in which an event moves, so that none is missed on its way.
        for collection in [StateCollection.parked, .deadLetters] {
            let found = try await call("looking for events") { connection in
                try connection.all(queries.fates(of: ids, in: collection), on: database) { view in
                    (try view.value("eventId").flatMap(StoredEvent.text), try view.value("state")?.string)
                }
            }
            for (id, state) in found {
                guard let id else { continue }
                let fate: EventFate =
                    switch state {
                    case nil: .parked
                    case DeadLetterState.discarded.rawValue: .discarded
                    // Parked until it was delivered, or a dead letter again.
                    case DeadLetterState.retried.rawValue: .delivered
                    default: .deadLettered
                    }
                // What waits now counts before what was.
                fates[id] = .deciding(fate, fates[id], in: [.parked, .deadLettered, .delivered, .discarded])
            }
        }
        return fates
    }

    public func reach() async throws -> PipelineReach {
        let (database, name, pipeline) = (database, name, options.pipeline)
        func find(_ collection: StateCollection) -> BSONDocument {
            [
                "find": collection.bson, "filter": ["_id": name], "limit": 1, "singleBatch": true,
                "readConcern": ["level": "majority"],
            ]
        }
        let (checkpoints, leases) = (find(.checkpoints), find(.leases))
        return try await call("reading the checkpoint") { connection in
            let stored = try connection.first(checkpoints, on: database)?["checkpoint"]?.string
            let checkpoint = try stored.map { try StoredCheckpoint.decode($0, pipeline: pipeline) }
            let lease = try connection.first(leases, on: database)
            let isLed =
                lease?["owner"]?.string != nil
                && (lease?["expiresAt"]?.date ?? .min) > Int64(Date().timeIntervalSince1970 * 1000)
            return PipelineReach(checkpoint: checkpoint, isLed: isLed)
        }
    }
}

extension StateQueries {
    /// What is known of events.
    package func fates(of ids: [String], in collection: StateCollection) -> BSONDocument {
        [
            "find": collection.bson,
            "filter": ["_id.p": name, "eventId": ["$in": .array(ids.map { .string($0) })]],
            "projection": ["_id": 0, "eventId": 1, "state": 1], "batchSize": 10_000,
            "readConcern": ["level": "majority"],
        ]
    }
}
