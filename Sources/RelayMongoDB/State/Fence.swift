import RelayCore

/// The update of the checkpoint's document that every write ends with: it happens only while nobody else has written.
struct Fence: Sendable {
    let pipeline: String
    private let query: BSONDocument
    private let fields: BSONDocument
    private let dates: BSONDocument

    init(_ settlement: Settlement, writer: MongoStateStore.Writer, pipeline: String) throws {
        self.pipeline = pipeline
        query = [
            "_id": .string(pipeline), "epoch": .int64(writer.grant.epoch), "owner": .string(writer.grant.owner),
            "session": .binary(writer.session, subtype: 4), "revision": .int64(writer.revision),
        ]
        var fields: [(String, BSONValue)] = [
            ("lastDeadLetter", .int64(writer.lastDeadLetter + Int64(settlement.deadLetters.count)))
        ]
        if let checkpoint = settlement.checkpoint {
            fields.append(("position", .int64(checkpoint.position)))
            fields.append(("checkpoint", .string(try StoredCheckpoint.encode(checkpoint.end))))
            // For people: it is in the checkpoint as well.
            if let time = checkpoint.end.clusterTime { fields.append(("clusterTime", time.bson)) }
        }
        if let pause = settlement.pause { fields.append(("paused", .string(pause))) }
        dates = settlement.pause == nil ? ["updatedAt": true] : ["updatedAt": true, "pausedAt": true]
        if let stopped = settlement.stoppedMilliseconds { fields.append(("stoppedMilliseconds", .int64(stopped))) }
        self.fields = BSONDocument(fields)
    }

    /// The command.
    func command(_ changes: SettlementCommands.Changes = .init()) -> BSONDocument {
        var counters: [(String, BSONValue)] = [("revision", .int64(1))]
        for (name, change) in [
            ("parkedKeys", changes.keys), ("parkedEvents", changes.events), ("parkedBytes", changes.bytes),
            ("largeEvents", changes.large),
        ] where change != 0 {
            counters.append((name, .int64(change)))
        }
        return [
            "findAndModify": StateCollection.checkpoints.bson, "query": .document(query),
            "update": [
                "$set": .document(fields), "$inc": .document(BSONDocument(counters)),
                "$currentDate": .document(dates),
            ], "new": true, "fields": ["revision": 1, "paused": 1, "stoppedMilliseconds": 1],
        ]
    }

    /// The document that says who writes now.
    var look: BSONDocument {
        [
            "find": StateCollection.checkpoints.bson, "filter": ["_id": .string(pipeline)], "limit": 1,
            "singleBatch": true, "projection": ["epoch": 1, "owner": 1],
        ]
    }

    /// Why the update found nothing.
    func refusal(_ found: BSONDocument?) -> RelayError {
        guard let found else { return StateFailure.noCheckpoint }
        return found["epoch"] == query["epoch"] && found["owner"] == query["owner"]
            ? StateFailure.moved : StateFailure.fenced
    }
}
