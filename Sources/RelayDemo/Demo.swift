import RelayTesting

/// The demo from start to end.
struct Demo: Sendable {
    let plan: DemoPlan
    let screen: Screen
    let timetable = Timetable()

    init(plan: DemoPlan, screen: Screen) {
        self.plan = plan
        self.screen = screen
    }

    /// Runs it all and stops all of it.
    /// - Returns: whether everything adds up.
    /// - Throws: ``TestingError`` when something did not start or did not come in time.
    func run() async throws -> Bool {
        screen.plain(
            """
            A shop writes orders to MongoDB, each step with its event in one transaction. The relay carries the
            events to two destinations: to a queue in PostgreSQL, where a consumer reads them with plain SQL, and to
            a webhook that verifies every signature and fails one request in ten.

            """)
        screen.line("starting a MongoDB replica set and a PostgreSQL in a temporary folder")
        return try await TestServers.with { servers in
            try Task.checkCancellation()
            screen.line(
                "MongoDB on port \(servers.mongo.members[0].port), PostgreSQL on port \(servers.postgres.port), data in \(servers.folder.path)"
            )
            let webhook = try await DemoWebhook.start(failing: plan.webhookFailures)
            let environment = [
                "MONGODB_URI": servers.mongo.uri(), "DESTINATIONS": "ledger,billing",
                "DESTINATION_LEDGER_URL": servers.postgres.url(),
                // A killed relay's successor waits for the lease to run out: not long, for a demo.
                "RELAY_LEASE_TTL": "1s", "RELAY_LOG_FORMAT": "text",
            ]
            let relay = try RelayProcess(
                folder: servers.folder, environment: environment.merging(webhook.variables("BILLING")) { $1 })
            let result = try await work(servers, webhook, relay)
            let exit = await relay.terminate(within: .seconds(30))
            await webhook.receiver.stop()
            return DemoSummary(result: result, relayExit: exit).show(on: screen)
        }
    }

    private func work(_ servers: TestServers, _ webhook: DemoWebhook, _ relay: RelayProcess) async throws -> DemoResult
    {
        try await relay.start()
        try await relay.waitUntilStreaming()
        screen.line("the relay runs: outbox-relay run, with DESTINATIONS=ledger,billing")
        screen.line("  ledger is the queue in PostgreSQL, billing the webhook \(webhook.receiver.url)")

        let workload = Workload(uri: servers.mongo.uri(), options: plan.workload)
        try await workload.prepare()
        let watcher = QueueWatcher(url: servers.postgres.url())
        let samples = Samples(screen: screen, timetable: timetable, watcher: watcher)
        let consumer = Consumer(url: servers.postgres.url()) { samples.note($0) }
        try await consumer.subscribe()
        screen.line(
            "the shop opens: \(Screen.count(plan.orders)) orders by \(plan.writers) writers, \(Screen.count(Int(plan.rate))) transactions a second"
        )
        return try await withThrowingTaskGroup(of: DemoResult?.self) { group in
            group.addTask {
                await watcher.run()
                return nil
            }
            group.addTask {
                try await consumer.run()
                return nil
            }
            group.addTask {
                await report(workload, consumer, webhook)
                return nil
            }
            group.addTask {
                try await disturb(relay, workload)
                return nil
            }
            group.addTask { try await trade(workload, consumer, watcher, webhook, servers) }
            // The first failure ends it all: a consumer without a queue, a relay that does not come back.
            for try await result in group {
                guard let result else { continue }
                group.cancelAll()
                return result
            }
            throw CancellationError()
        }
    }
}
