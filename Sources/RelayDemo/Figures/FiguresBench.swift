import Foundation
import RelayMongoDB
import RelayTesting

/// The measurements, each with a database, a queue and a relay of its own.
struct FiguresBench: Sendable {
    let servers: TestServers
    let screen: Screen
    let pump: String

    /// Times the draining of a backlog by the relay, from the first row's transaction to the last's, and by the pump.
    /// - Parameter collectionFirst: whether the documents were in the collection before the first start (read as a
    ///   snapshot), or came while the relay was away (read from the change stream, as the pump does).
    func drain(_ count: Int, rounds: Int, collectionFirst: Bool) async throws {
        let what = collectionFirst ? "a backlog from before the first start" : "a change stream after an outage"
        var ratios: [Double] = []
        for _ in 0..<rounds {
            let name = servers.uniqueName("drain")
            let queue = try await servers.postgres.createDatabase(name)
            let relay = try self.relay(database: name, queue: name)
            _ = try await servers.mongo.run(["create": "outbox"], on: name)
            if !collectionFirst {
                try await relay.start()
                try await relay.waitUntilStreaming()
                _ = await relay.terminate()
            }
            let from = try await operationTime()
            try await Outbox(uri: servers.mongo.uri(), database: name).load(count: count, bytes: 400)
            let bare = try await pumped(count, database: name, queue: queue, from: from)
            let own = try await timed(relay, count, queue: queue)
            _ = await relay.terminate()
            let report = try await check(count, queue: queue)
            ratios.append(own / bare)
            screen.line(
                "\(what): relay \(Screen.decimal(own)) events/s, bare pump \(Screen.decimal(bare)), ratio \(Screen.decimal(own / bare, 2)); \(report)"
            )
            try await drop(name)
        }
        ratios.sort()
        screen.line("\(what): ratio to the bare pump, median of \(rounds): \(Screen.decimal(ratios[rounds / 2], 2))")
    }

    /// Watches the peak of resident memory while a large backlog is drained.
    func memory(_ count: Int) async throws {
        let name = servers.uniqueName("memory")
        let queue = try await servers.postgres.createDatabase(name)
        try await Outbox(uri: servers.mongo.uri(), database: name).load(count: count, bytes: 400)
        let relay = try self.relay(database: name, queue: name)
        _ = try await timed(relay, count, queue: queue)
        let peak = Double(relay.peakResidentBytes ?? 0) / 1_048_576
        _ = await relay.terminate()
        let report = try await check(count, queue: queue)
        screen.line(
            "draining \(Screen.count(count)) documents: \(Screen.decimal(peak, 1)) MiB resident at most (bound: 64 + 32 MiB); \(report)"
        )
        try await drop(name)
    }

    /// Measures from the return of a majority commit to the row's visibility, at 500 events a second.
    func latency(seconds: Int) async throws {
        let name = servers.uniqueName("latency")
        let queue = try await servers.postgres.createDatabase(name)
        let relay = try self.relay(database: name, queue: name)
        try await relay.start()
        try await relay.waitUntilStreaming()
        var options = WorkloadOptions(events: 500 * seconds)
        options.database = name
        options.rate = 500
        options.abortRatio = 0
        let workload = Workload(uri: servers.mongo.uri(), options: options)
        try await workload.prepare()
        let watcher = QueueWatcher(url: queue, interval: .milliseconds(1))
        let watching = Task { await watcher.run() }
        let record = try await workload.run { _ in }
        let end = ContinuousClock.now + .seconds(20)
        while watcher.count < record.committed.count, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        watching.cancel()
        let arrivals = watcher.arrivals
        let latencies = LatencyRecorder(
            record.committed.compactMap { event in
                guard let committed = event.committedAt, let arrived = arrivals[event.id] else { return nil }
                return max(.zero, committed.duration(to: arrived))
            })
        _ = await relay.terminate()
        screen.line(
            "at 500 events/s, majority commit to visible in PostgreSQL: p50 \(Screen.milliseconds(latencies.percentile(0.5))), p99 \(Screen.milliseconds(latencies.percentile(0.99))), of \(Screen.count(latencies.count)) events"
        )
        try await drop(name)
    }

    /// Measures what a relay costs when nothing happens.
    func idle(seconds: Int) async throws {
        let name = servers.uniqueName("idle")
        try await servers.postgres.createDatabase(name)
        let relay = try self.relay(database: name, queue: name)
        try await relay.start()
        try await relay.waitUntilStreaming()
        try await Task.sleep(for: .seconds(2))
        let before = relay.processorTime ?? .zero
        let began = ContinuousClock.now
        try await Task.sleep(for: .seconds(seconds))
        let share = ((relay.processorTime ?? .zero) - before) / began.duration(to: .now)
        let resident = Double(relay.residentBytes ?? 0) / 1_048_576
        _ = await relay.terminate()
        screen.line("idle: \(Screen.decimal(share * 100, 2)) % of a core, \(Screen.decimal(resident, 1)) MiB resident")
        try await drop(name)
    }

    // MARK: - Pieces

    func relay(database: String, queue: String, _ more: [String: String] = [:]) throws -> RelayProcess {
        try RelayProcess(
            folder: servers.folder,
            environment: servers.relayEnvironment(database: database, queue: queue)
                .merging(["RELAY_LEASE_TTL": "2s"]) { $1 }.merging(more) { $1 })
    }

    /// Events a second, from the first transaction's time to the last's, as PostgreSQL remembers them.
    func timed(_ relay: RelayProcess, _ count: Int, queue: String) async throws -> Double {
        try await relay.start()
        try await QueueChecker(url: queue).waitForRows(count, within: .seconds(300))
        let name = String(queue.split(separator: "/").last ?? "")
        let rows = try await servers.postgres.query(
            """
            WITH firsts AS (SELECT enqueued_at, count(*) AS n FROM outbox_relay.events GROUP BY 1)
            SELECT extract(epoch FROM (SELECT updated_at FROM outbox_relay.checkpoints ORDER BY position DESC LIMIT 1)
                - min(enqueued_at)) AS seconds FROM firsts
            """, database: name)
        guard let seconds = rows[0, "seconds"].flatMap({ Double($0) }), seconds > 0 else {
            throw TestingError("the queue does not tell how long the draining took")
        }
        return Double(count) / seconds
    }

    /// The slower half of the pump decides, both running at the same time.
    private func pumped(
        _ count: Int, database: String, queue: String, from time: BSONTimestamp
    ) async throws -> Double {
        async let drained = Command.run(
            pump, ["cs", servers.mongo.uri(), database, "outbox", "\(count)", "\(time.seconds)", "\(time.increment)"],
            within: .seconds(300))
        async let copied = Command.run(
            pump, ["copy", queue, "\(count)", "2000", "json", "400"], within: .seconds(300))
        let rates = try await [drained, copied].map { result in
            guard result.exitCode == 0, let rate = Double(result.output.split(separator: "\n").last ?? "") else {
                throw TestingError("the pump failed: \(result.error)")
            }
            return rate
        }
        return rates.min() ?? 0
    }

    private func operationTime() async throws -> BSONTimestamp {
        let hello = try await servers.mongo.run(["hello": 1], on: "admin")
        guard let now = hello["operationTime"]?.timestamp else { throw TestingError("MongoDB tells no time") }
        return BSONTimestamp(seconds: now.seconds, increment: now.increment + 1)
    }

    func check(_ count: Int, queue: String) async throws -> String {
        let rows = try await servers.postgres.query(
            "SELECT count(*) AS rows, count(DISTINCT event_id) AS ids, max(position) AS top FROM outbox_relay.events",
            database: String(queue.split(separator: "/").last ?? ""))
        let values = ["rows", "ids", "top"].map { rows[0, $0].flatMap { Int($0) } }
        guard values.allSatisfy({ $0 == count }) else {
            throw TestingError("\(count) events were committed, the queue holds \(values)")
        }
        return "each event once"
    }

    func drop(_ name: String) async throws {
        _ = try await servers.mongo.run(["dropDatabase": 1], on: name)
        _ = try await servers.postgres.query("DROP DATABASE \"\(name)\" WITH (FORCE)")
    }
}
