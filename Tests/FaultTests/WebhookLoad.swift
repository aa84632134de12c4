import Foundation
import RelayMongoDB
import RelayTesting
import Testing

/// Eight writers, a receiver that verifies everything, relays between them, and the comparison at the end.
struct WebhookLoad: Sendable {
    let servers: TestServers
    /// The service's database in MongoDB.
    let database: String
    let options: WorkloadOptions
    let workload: Workload
    let receiver: WebhookReceiver

    static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    /// Makes a load that has not begun, on servers of its own, for `body`, and ends its receiver afterwards.
    /// - Parameter rate: events a second; nil is as fast as it goes.
    static func with(
        mongo: MongoOptions = MongoOptions(), events: Int, rate: Double?, keys: Int = 1000,
        _ body: (WebhookLoad) async throws -> Void
    ) async throws {
        try await TestServers.with(mongo: mongo) { servers in
            try await WebhookReceiver.with(secrets: [secret]) { receiver in
                try await body(try await WebhookLoad(servers, receiver, events: events, rate: rate, keys: keys))
            }
        }
    }

    private init(_ servers: TestServers, _ receiver: WebhookReceiver, events: Int, rate: Double?, keys: Int)
        async throws
    {
        self.servers = servers
        self.receiver = receiver
        database = servers.uniqueName("hook")
        var options = WorkloadOptions(events: events)
        options.database = database
        options.writers = 8
        options.rate = rate
        options.keys = .random(count: keys)
        self.options = options
        workload = Workload(uri: servers.mongo.uri(database: database), options: options)
        try await workload.prepare()
    }

    /// A relay that does not run yet. Its retries come soon: a key that failed must not outlast the test.
    func relay(_ more: [String: String] = [:]) throws -> RelayProcess {
        try RelayProcess(
            folder: servers.folder,
            environment: [
                "MONGODB_URI": servers.mongo.uri(database: database), "DESTINATION_URL": receiver.url,
                "DESTINATION_SECRET": Self.secret, "DESTINATION_RETRY_FIRST": "50ms", "DESTINATION_RETRY_MAX": "1s",
                "DESTINATION_TIMEOUT": "5s", "RELAY_LEASE_TTL": "2s",
            ].merging(more) { $1 })
    }

    /// Runs the writers and `disturb` side by side, then waits until all that was committed is accepted, or dead by what
    /// `isRefused` says.
    /// - Parameter limit: the longest wait for the last event after the last commit.
    /// - Returns: how what was accepted compares with the outbox, and what the outbox holds.
    func run(
        within limit: Duration = .seconds(60), isRefused: @escaping @Sendable (String) -> Bool = { _ in false },
        disturb: @escaping @Sendable () async throws -> Void
    ) async throws -> (report: WebhookReport, committed: [CommittedEvent]) {
        let (workload, database) = (workload, database)
        async let working = workload.run()
        do {
            try await waiting(for: "the writers to be busy", within: .seconds(30)) {
                workload.progress.committed >= 50 ? true : nil
            }
            try await disturb()
        } catch {
            workload.stop()
            _ = try? await working
            throw error
        }
        let record = try await working
        // The truth is what a majority of MongoDB has, and the writers must have been told the same.
        let committed = try await Outbox(uri: servers.mongo.uri(database: database), database: database).committed()
        #expect(Set(committed.map(\.id)) == Set(record.committed.map(\.id)))
        let refused = Set(committed.map(\.id).filter(isRefused))
        try await receiver.waitForAccepted(committed.count - refused.count, within: limit)
        // What comes once too often may come later.
        try await Task.sleep(for: .milliseconds(500))
        return (receiver.check(committed, aborted: record.aborted, deadLettered: refused), committed)
    }

    /// Waits until so many more events were accepted, or all that the load will ever commit.
    func progress(by count: Int = 1, within limit: Duration = .seconds(60)) async throws {
        try await receiver.waitForAccepted(min(receiver.accepted + count, options.events), within: limit)
    }

    /// Repeated acceptances between which none of these moments lies: the relay repeated them without having been
    /// killed or cut off.
    func unexplainedRepeats(_ report: WebhookReport, by moments: [ContinuousClock.Instant]) -> [String] {
        let repeated = Set(report.duplicates)
        var last: [String: ContinuousClock.Instant] = [:]
        var unexplained: [String] = []
        for delivery in receiver.deliveries() where repeated.contains(delivery.id) && delivery.status == 200 {
            if let before = last[delivery.id], !moments.contains(where: { before <= $0 && $0 <= delivery.at }) {
                unexplained.append(delivery.id)
            }
            last[delivery.id] = delivery.at
        }
        return unexplained
    }

    /// The dead letters of the only destination.
    func letters(_ relay: RelayProcess) async throws -> [WebhookLetter] {
        let answer = try await relay.command(
            ["dead-letters", "list", "--json", "--limit", "1000000", "--destination", "default"])
        guard answer.exitCode == 0 else { throw TestingError("dead-letters list failed: \(answer.error)") }
        return try JSONDecoder().decode([WebhookLetter].self, from: Data(answer.output.utf8))
    }
}

/// A dead letter, as far as these tests read it.
struct WebhookLetter: Decodable, Sendable {
    var eventID: String?
    var reasonCode: String
    var attempts: Int
    var status: Int?
}

/// Moments that are noted from one task and read from another.
actor Moments {
    private(set) var all: [ContinuousClock.Instant] = []
    func add() { all.append(.now) }
}
