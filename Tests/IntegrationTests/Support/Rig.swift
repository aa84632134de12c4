import RelayMongoDB
import RelayPostgreSQL
import RelayTesting
import Synchronization

/// One test's own databases on a pair of servers. The relays that it makes end with it.
struct Rig: Sendable {
    let servers: TestServers
    /// The service's database in MongoDB, and the queue's in PostgreSQL.
    let database: String
    private let relays = Relays()

    /// Keeps relays running that nobody else refers to.
    private final class Relays: Sendable {
        let list = Mutex<[RelayProcess]>([])
    }

    /// Databases that no other test has, on the servers that all tests share or on others.
    init(on others: TestServers? = nil) async throws {
        servers = if let others { others } else { try await TestServers.shared() }
        database = servers.uniqueName("it")
        try await servers.postgres.createDatabase(database)
    }

    var url: String { servers.postgres.url(database: database) }
    var uri: String { servers.mongo.uri(database: database) }
    var checker: QueueChecker { QueueChecker(url: url) }

    /// What a relay between the two needs, with `more` on top.
    func environment(_ more: [String: String] = [:]) -> [String: String] {
        // A short lease: a relay that follows a killed one waits for it.
        servers.relayEnvironment(database: database, queue: database)
            .merging(["RELAY_LEASE_TTL": "2s"]) { $1 }.merging(more) { $1 }
    }

    /// A relay that does not run yet.
    func relay(_ more: [String: String] = [:]) throws -> RelayProcess {
        let relay = try RelayProcess(folder: servers.folder, environment: environment(more))
        relays.list.withLock { $0.append(relay) }
        return relay
    }

    /// A relay that is level with the outbox.
    func streamingRelay(_ more: [String: String] = [:]) async throws -> RelayProcess {
        let relay = try relay(more)
        try await relay.start()
        try await relay.waitUntilStreaming()
        return relay
    }

    /// A command of the relay that is run to its end.
    func command(_ arguments: [String], _ more: [String: String] = [:]) async throws -> CommandResult {
        try await RelayProcess.run(arguments, environment: environment(more))
    }

    // MARK: - MongoDB

    /// Runs a command in the service's database.
    @discardableResult
    func run(_ command: BSONDocument) async throws -> BSONDocument {
        try await servers.mongo.run(command, on: database)
    }

    /// Inserts documents, in one command for each 1,000.
    func insert(_ documents: [BSONDocument], into collection: String = "outbox") async throws {
        let connection = servers.mongo.connect()
        for start in stride(from: 0, to: documents.count, by: 1000) {
            let part = documents[start..<min(start + 1000, documents.count)]
            let reply = try await connection.run(
                ["insert": .string(collection), "documents": .array(part.map { .document($0) })], on: database
            ).document
            guard reply["n"]?.int == part.count else {
                throw TestingError(
                    "MongoDB took \(reply["n"]?.int ?? 0) of \(part.count) documents: "
                        + (reply[path: "writeErrors.0.errmsg"]?.string ?? "no reason given"))
            }
        }
    }

    /// Everything in the collection, in the order of `sort`.
    func find(_ collection: String = "outbox", sort: BSONDocument, projection: BSONDocument = [:]) async throws
        -> [BSONDocument]
    {
        let connection = servers.mongo.connect()
        var found: [BSONDocument] = []
        var reply = try await connection.run(
            [
                "find": .string(collection), "sort": .document(sort), "projection": .document(projection),
                "batchSize": 10_000, "allowDiskUse": true,
            ], on: database
        ).document
        while let cursor = reply["cursor"]?.document {
            found += ((cursor["firstBatch"] ?? cursor["nextBatch"])?.array ?? []).compactMap(\.document)
            guard let id = cursor["id"]?.int64, id != 0 else { break }
            reply = try await connection.run(
                ["getMore": .int64(id), "collection": .string(collection), "batchSize": 10_000], on: database
            ).document
        }
        return found
    }

    // MARK: - PostgreSQL

    /// Runs a statement in the queue's database.
    @discardableResult
    func sql(_ statement: String) async throws -> PGRows {
        try await servers.postgres.query(statement, database: database)
    }

    /// The first cell of what a statement answers.
    func value(_ statement: String) async throws -> String? {
        try await sql(statement).rows.first?.first ?? nil
    }

    /// The queue's events in the order of streams and positions.
    func events(schema: String = "outbox_relay", of stream: Int? = nil) async throws -> [QueueEvent] {
        let bytes = try await value(
            "SELECT format_type(atttypid, NULL) = 'bytea' FROM pg_attribute "
                + "WHERE attrelid = '\(schema).events'::regclass AND attname = 'payload'")
        return try await sql(
            """
            SELECT stream, position, event_id, topic, type, key, headers, \
            \(bytes == "t" ? "encode(payload, 'escape')" : "payload") AS payload, \
            schema_version, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') AS occurred_at, traceparent
            FROM \(schema).events \(stream.map { "WHERE stream = \($0)" } ?? "") ORDER BY stream, position
            """
        ).rows.map(QueueEvent.init)
    }

    /// Waits until the queue holds so many rows, and a moment for one too many.
    func waitForRows(_ count: Int, within limit: Duration = .seconds(30), settle: Duration = .milliseconds(300))
        async throws
    {
        try await checker.waitForRows(count, within: limit)
        try await Task.sleep(for: settle)
    }

    /// The dead letters of all pipelines, oldest first.
    func deadLetters() async throws -> [(id: Int, eventID: String?, code: String, reason: String, state: String)] {
        try await sql("SELECT id, event_id, reason_code, reason, state FROM outbox_relay.dead_letters ORDER BY id").rows
            .map { (Int($0[0] ?? "") ?? 0, $0[1], $0[2] ?? "", $0[3] ?? "", $0[4] ?? "") }
    }

    /// Waits until so many dead letters are there.
    func waitForDeadLetters(_ count: Int, within limit: Duration = .seconds(30)) async throws {
        try await waiting(for: "\(count) dead letters", within: limit) {
            try await deadLetters().count >= count ? true : nil
        }
    }
}

/// A row of the queue.
struct QueueEvent: Sendable, Equatable {
    let stream: Int
    let position: Int
    let id: String
    let topic: String
    let type: String
    let key: String
    let headers: String
    let payload: String
    let schemaVersion: String?
    let occurredAt: String?
    let traceparent: String?

    init(_ cells: [String?]) {
        stream = Int(cells[0] ?? "") ?? 0
        position = Int(cells[1] ?? "") ?? 0
        id = cells[2] ?? ""
        topic = cells[3] ?? ""
        type = cells[4] ?? ""
        key = cells[5] ?? ""
        headers = cells[6] ?? ""
        payload = cells[7] ?? ""
        schemaVersion = cells[8]
        occurredAt = cells[9]
        traceparent = cells[10]
    }
}

/// A small outbox document.
func outboxDocument(
    _ id: BSONValue, key: String = "k", type: String = "Noted", topic: String? = "order", payload: BSONValue
) -> BSONDocument {
    var fields: [(String, BSONValue)] = [("_id", id)]
    if let topic { fields.append(("aggregatetype", .string(topic))) }
    fields += [("aggregateid", .string(key)), ("type", .string(type)), ("payload", payload)]
    return BSONDocument(fields)
}
