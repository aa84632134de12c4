import RelayMongoDB
import RelayPostgreSQL
import RelayTesting
import Testing

/// Eight writers on databases of their own, a relay between them, and the comparison at the end.
struct Load: Sendable {
    let servers: TestServers
    /// The service's database in MongoDB, and the queue's in PostgreSQL.
    let database: String
    let options: WorkloadOptions
    let workload: Workload

    /// A load that has not begun.
    /// - Parameter rate: events a second; nil is as fast as it goes.
    init(_ servers: TestServers, events: Int, rate: Double?, filling: Int = 120, tablespace: String? = nil)
        async throws
    {
        self.servers = servers
        database = servers.uniqueName("load")
        var options = WorkloadOptions(events: events)
        options.database = database
        options.writers = 8
        options.rate = rate
        options.filling = filling
        self.options = options
        workload = Workload(uri: servers.mongo.uri(database: database), options: options)
        try await servers.postgres.query(
            "CREATE DATABASE \(database)\(tablespace.map { " TABLESPACE \($0)" } ?? "")")
        try await workload.prepare()
    }

    var checker: QueueChecker { QueueChecker(url: servers.postgres.url(database: database)) }

    /// A relay that does not run yet.
    func relay(_ more: [String: String] = [:]) throws -> RelayProcess {
        try RelayProcess(
            folder: servers.folder,
            environment: servers.relayEnvironment(database: database, queue: database)
                .merging(["RELAY_LEASE_TTL": "2s"]) { $1 }.merging(more) { $1 })
    }

    /// Runs the writers and `disturb` side by side, then waits until the queue holds what was committed.
    /// - Parameter limit: the longest wait for the last event after the last commit.
    /// - Returns: how the queue compares with the outbox.
    func run(within limit: Duration = .seconds(60), disturb: @escaping @Sendable () async throws -> Void) async throws
        -> QueueReport
    {
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
        let outbox = Outbox(uri: servers.mongo.uri(database: database), database: database)
        let committed = try await outbox.committed()
        #expect(Set(committed.map(\.id)) == Set(record.committed.map(\.id)))
        try await checker.waitForRows(committed.count, within: limit)
        // One that comes twice may come later.
        try await Task.sleep(for: .milliseconds(500))
        return try await checker.check(committed, aborted: record.aborted)
    }

    /// Waits until the queue has grown by so many rows, or holds all that the load will ever commit: on a fast machine
    /// the load may be over before the faults are.
    func progress(by count: Int = 1, within limit: Duration = .seconds(60)) async throws {
        let before = (try? await checker.count()) ?? 0
        var last = before
        do {
            try await waiting(for: "\(count) more rows in the queue", within: limit, every: .milliseconds(50)) {
                last = try await checker.count()
                return last >= min(before + count, options.events) ? true : nil
            }
        } catch let error as TestingError {
            throw TestingError("\(error) (there were \(last), and \(before) before)")
        }
    }
}
