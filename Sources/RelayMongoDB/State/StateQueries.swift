import RelayCore

/// What is asked of the state's collections while events flow; each has an index.
package struct StateQueries: Sendable {
    let pipeline: String

    /// The queries for `pipeline`.
    package init(pipeline: String) { self.pipeline = pipeline }

    var name: BSONValue { .string(pipeline) }

    /// Those of `keys` that are parked.
    package func parkedKeys(among keys: [EventKey]) -> BSONDocument {
        [
            "find": StateCollection.parkedKeys.bson, "filter": ["_id": ["$in": .array(keys.map { id(of: $0) })]],
            "projection": ["_id": 1], "batchSize": .integer(max(1, keys.count)),
        ]
    }

    /// Keys that are due at `time`.
    package func dueKeys(at time: Int64, limit: Int, excluding: [EventKey]) -> BSONDocument {
        var filter: BSONDocument = ["_id.p": name, "due": ["$lte": .date(time)]]
        if !excluding.isEmpty {
            filter = filter.appending("_id.k", ["$nin": .array(excluding.map { .binary($0.bytes, subtype: 0) })])
        }
        return [
            "find": StateCollection.parkedKeys.bson, "filter": .document(filter), "sort": ["due": 1, "_id.k": 1],
            "limit": .integer(limit), "batchSize": .integer(limit),
        ]
    }

    /// The time of the key that is due first.
    package func nextDue() -> BSONDocument { firstKey(by: "due") }

    /// Since when the key that is parked longest is.
    package func oldestKey() -> BSONDocument { firstKey(by: "since") }

    /// The sizes of a key's first events, in bytes.
    package func sizes(of key: EventKey, limit: Int) -> BSONDocument {
        events(of: key, limit: limit).appending("projection", ["_id": 0, "size": 1])
    }

    /// A key's first events.
    package func events(of key: EventKey, limit: Int) -> BSONDocument {
        [
            "find": StateCollection.parked.bson,
            "filter": ["_id.p": name, "k": .binary(key.bytes, subtype: 0)], "sort": ["_id.n": 1, "_id.h": 1],
            "limit": .integer(limit), "batchSize": .integer(limit),
        ]
    }

    /// The ids of events that are parked behind `position`.
    package func parkedBeyond(_ position: Int64) -> BSONDocument {
        [
            "find": StateCollection.parked.bson,
            "filter": [
                "_id": [
                    "$gt": ["p": name, "n": .int64(position), "h": Self.greatest],
                    "$lt": ["p": name, "n": Self.greatest],
                ]
            ], "projection": ["eventId": 1, "chunks": 1], "batchSize": 10_000,
        ]
    }

    /// The ids of events behind `position` that were given up on.
    package func deadLettersBeyond(_ position: Int64) -> BSONDocument {
        [
            "find": StateCollection.deadLetters.bson,
            "filter": ["_id.p": name, "position": ["$gt": .int64(position)]],
            "projection": ["eventId": 1, "chunks": 1], "batchSize": 10_000,
        ]
    }

    /// Those of the events `ids` that lie in `collection`.
    package func events(_ ids: [String], in collection: StateCollection) -> BSONDocument {
        [
            "find": collection.bson,
            "filter": ["_id.p": name, "eventId": ["$in": .array(ids.map { .string($0) })]],
            "projection": ["eventId": 1], "batchSize": .integer(ids.count + 1),
        ]
    }

    /// Dead letters that wait.
    package func waitingDeadLetters(_ ids: [Int64]) -> BSONDocument {
        [
            "find": StateCollection.deadLetters.bson,
            "filter": ["_id": ["$in": .array(ids.map { letterID($0) })], "state": "dead"], "sort": ["_id": 1],
        ]
    }

    /// How many dead letters wait.
    package func deadLetterCount() -> BSONDocument {
        ["count": StateCollection.deadLetters.bson, "query": ["_id.p": name, "state": "dead"]]
    }

    /// The newest dead letter of all.
    package func newestDeadLetter() -> BSONDocument {
        [
            "find": StateCollection.deadLetters.bson,
            "filter": ["_id": ["$gt": ["p": name], "$lt": ["p": name, "n": Self.greatest]]], "sort": ["_id": -1],
            "limit": 1, "singleBatch": true, "projection": ["_id": 1],
        ]
    }

    /// Requests that were not carried out yet, oldest first: those that deliver events, or all others. Each kind has a
    /// window of its own, so that a long row of the former does not hide a `resume`.
    package func openRequests(limit: Int, delivering: Bool) -> BSONDocument {
        let kinds: BSONValue = ["replay", "publish"]
        return [
            "find": StateCollection.requests.bson,
            "filter": [
                "p": name, "state": ["$in": ["pending", "running"]], "kind": [delivering ? "$in" : "$nin": kinds],
            ],
            "sort": ["createdAt": 1], "limit": .integer(limit), "batchSize": .integer(limit),
        ]
    }

    /// The identity of a parked key.
    func id(of key: EventKey) -> BSONValue { ["p": name, "k": .binary(key.bytes, subtype: 0)] }

    /// The identity of a parked event.
    func id(of event: ParkedEvent.ID) -> BSONValue {
        ["p": name, "n": .int64(event.position), "h": .int64(Int64(bitPattern: event.hash))]
    }

    /// The identity of a dead letter.
    func letterID(_ id: Int64) -> BSONValue { ["p": name, "n": .int64(id)] }

    private func firstKey(by field: String) -> BSONDocument {
        [
            "find": StateCollection.parkedKeys.bson, "filter": ["_id.p": name],
            "sort": .document([field: 1]), "projection": .document(["_id": 0, field: 1]), "limit": 1,
            "singleBatch": true,
        ]
    }

    static let greatest = BSONValue.other(.maxKey, [])
}
