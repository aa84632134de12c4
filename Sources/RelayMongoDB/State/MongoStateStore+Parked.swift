import RelayCore

/// What is parked. All of it stays on the server: each question is limited and answered from an index.
extension MongoStateStore {
    public func parkedKeys(among keys: [EventKey]) async throws -> Set<EventKey> {
        var found: Set<EventKey> = []
        for part in keys.parts(of: 10_000) {
            let keys = try await read(queries.parkedKeys(among: Array(part)), doing: "looking for parked keys") {
                try StoredKey.key($0)
            }
            found.formUnion(keys.compactMap { $0 })
        }
        return found
    }

    public func dueKeys(at time: Int64, limit: Int, excluding: [EventKey]) async throws -> [ParkedKey] {
        // To the server 0 is no limit.
        guard limit > 0 else { return [] }
        return try await read(
            queries.dueKeys(at: time, limit: limit, excluding: excluding), doing: "looking for keys that are due"
        ) { try StoredKey.read($0) }.compactMap { $0 }
    }

    public func nextDue() async throws -> Int64? {
        try await read(queries.nextDue(), doing: "looking for the next due time") { try $0.value("due")?.date }
            .first ?? nil
    }

    public func parkedEvents(of key: EventKey, limit: Int, bytes: Int) async throws -> [ParkedEvent] {
        guard limit > 0 else { return [] }
        var count = limit
        if limit > 1 {
            // First how large they are: what has no room is not sent.
            let sizes = try await read(queries.sizes(of: key, limit: limit), doing: "looking for parked events") {
                try $0.value("size")?.int64 ?? 0
            }
            var total: Int64 = 0
            count =
                sizes.prefix {
                    total += $0
                    return total <= bytes
                }.count
            if sizes.isEmpty { return [] }
        }
        let (database, pipeline) = (database, options.pipeline)
        let command = queries.events(of: key, limit: max(1, count)).appending("readConcern", readConcern)
        return try await call(reads, doing: "reading parked events") { connection in
            let found = try connection.all(command, on: database) { view in
                try StoredKey.event(view, key: key, pipeline: pipeline)
            }
            return try found.map { event in
                switch event {
                case .whole(let event): return event
                case .inParts(let document, let chunks):
                    let large = try connection.document(of: chunks, on: database)
                    return try document.withView { try StoredKey.event($0, key: key, large: large) }
                }
            }
        }
    }

    public func parkedTotals() async throws -> ParkedTotals {
        let oldest = try await read(queries.oldestKey(), doing: "counting what is parked") {
            try $0.value("since")?.date
        }
        let counters =
            try await read(
                [
                    "find": StateCollection.checkpoints.bson, "filter": ["_id": pipeline], "limit": 1,
                    "singleBatch": true,
                    "projection": ["parkedKeys": 1, "parkedEvents": 1, "parkedBytes": 1],
                ], doing: "counting what is parked"
            ) { document in
                try ["parkedKeys", "parkedEvents", "parkedBytes"].map { max(0, try document.value($0)?.int64 ?? 0) }
            }.first ?? [0, 0, 0]
        return ParkedTotals(
            keys: Int(counters[0]), events: Int(counters[1]), bytes: counters[2], oldest: oldest.first ?? nil)
    }

    public func settled(among ids: [String]) async throws -> Set<String> {
        let database = database
        var found: Set<String> = []
        for part in ids.parts(of: 1000) {
            for collection in [StateCollection.parked, .deadLetters] {
                let command = queries.events(Array(part), in: collection).appending("readConcern", readConcern)
                found.formUnion(
                    try await call(reads, doing: "looking for what is settled already") { connection in
                        try connection.all(command, on: database) { try $0.value("eventId").flatMap(StoredEvent.text) }
                            .compactMap { $0 }
                    })
            }
        }
        return found
    }

    public func settledBeyond(_ position: Int64) async throws -> Set<String> {
        let (database, pipeline) = (database, options.pipeline)
        var ids: Set<String> = []
        for query in [queries.parkedBeyond(position), queries.deadLettersBeyond(position)] {
            let command = query.appending("readConcern", readConcern)
            let found = try await call(reads, doing: "looking for what is settled already") { connection in
                let found = try connection.all(command, on: database) { view in
                    (try view.value("eventId").flatMap(StoredEvent.text), try EventChunks(view, pipeline: pipeline))
                }
                return try found.compactMap { id, chunks in
                    if let id { return id }
                    // An id so large that it has no room in the document.
                    guard let chunks else { return String?.none }
                    let large = try connection.document(of: chunks, on: database)
                    return try large.withView { try $0.value("eventId").flatMap(StoredEvent.text) }
                }
            }
            ids.formUnion(found)
        }
        return ids
    }
}

/// Parked keys and events as documents.
enum StoredKey {
    /// A parked event, or where to find the rest of it.
    enum Event: Sendable {
        case whole(ParkedEvent)
        case inParts(BSONDocument, EventChunks)
    }

    /// The key that a document of `outbox_relay_parked_keys` is about.
    static func key(_ view: BSONView) throws -> EventKey? {
        guard let bytes = try view.value("_id")?.document?.value("k")?.binary?.bytes else { return nil }
        return EventKey(stored: bytes)
    }

    /// A key with its schedule.
    static func read(_ view: BSONView) throws -> ParkedKey? {
        guard let key = try key(view), let due = try view.value("due")?.date else { return nil }
        return ParkedKey(
            key: key,
            schedule: ParkedSchedule(
                due: due, attempts: Int(try view.value("attempts")?.integral ?? 0),
                firstAttempt: try view.value("firstAttempt")?.date,
                stoppedBefore: try view.value("stoppedBefore")?.integral ?? 0,
                since: try view.value("since")?.date ?? due))
    }

    static func event(_ view: BSONView, key: EventKey, pipeline: String) throws -> Event {
        guard let chunks = try EventChunks(view, pipeline: pipeline) else {
            return .whole(try event(view, key: key, large: nil))
        }
        return .inParts(try BSONDocument(copying: view), chunks)
    }

    static func event(_ view: BSONView, key: EventKey, large: BSONDocument?) throws -> ParkedEvent {
        let position = try view.value("_id")?.document?.value("n")?.int64 ?? 0
        return ParkedEvent(
            try StoredEvent.read(view, large: large, position: position), key: key,
            redelivery: try view.value("redelivery")?.string)
    }
}
