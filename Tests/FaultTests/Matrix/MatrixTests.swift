import RelayTesting
import Testing

extension Faults {
    /// Every kind of source into every kind of destination, with relays that are killed at any moment.
    @Suite("Each source to each destination", .serialized)
    struct MatrixTests {
        @Test(
            "two relays killed at random: once into PostgreSQL, at least once to the webhook, in order by key at both",
            arguments: MatrixSource.allCases)
        func killed(_ source: MatrixSource) async throws {
            try await TestServers.with { servers in
                try await WebhookReceiver.with(secrets: [WebhookLoad.secret]) { receiver in
                    try await Self.run(source, servers, receiver)
                }
            }
        }

        private static func run(_ source: MatrixSource, _ servers: TestServers, _ receiver: WebhookReceiver)
            async throws
        {
            let name = servers.uniqueName("matrix")
            try await servers.postgres.createDatabase(name)
            let load = try await MatrixLoad(source, servers, database: name)
            let variables = [
                "MONGODB_URI": servers.mongo.uri(database: name), "RELAY_LEASE_TTL": "1s",
                "RELAY_BATCH_EVENTS": "100", "DESTINATIONS": "ledger,billing",
                "DESTINATION_LEDGER_URL": servers.postgres.url(database: name),
                "DESTINATION_BILLING_URL": receiver.url, "DESTINATION_BILLING_SECRET": WebhookLoad.secret,
                "DESTINATION_BILLING_RETRY_FIRST": "50ms", "DESTINATION_BILLING_RETRY_MAX": "1s",
            ].merging(source.settings) { $1 }
            let relays = try (0..<2).map { _ in try RelayProcess(folder: servers.folder, environment: variables) }
            for relay in relays { try await relay.start() }
            do {
                try await compare(source, load, servers, receiver, relays, name)
            } catch {
                // What a relay says for itself tells more than that something is missing.
                for relay in relays {
                    print(relay.logTail, (try? await relay.get("/status").body) ?? "no status")
                }
                throw error
            }
            for relay in relays { await relay.terminate() }
        }

        /// Kills the relays while the writers write, and compares what came with what was written.
        private static func compare(
            _ source: MatrixSource, _ load: MatrixLoad, _ servers: TestServers, _ receiver: WebhookReceiver,
            _ relays: [RelayProcess], _ name: String
        ) async throws {
            // What changed before a pipeline's first start is none of its events.
            try await waiting(for: "somebody to stream to each destination", within: .seconds(30)) {
                var streaming: Set<String> = []
                for relay in relays {
                    for pipeline in try await relay.status().pipelines where pipeline.state == "streaming" {
                        streaming.insert(pipeline.destination)
                    }
                }
                return streaming == ["ledger", "billing"] ? true : nil
            }
            let writing = Task { try await load.run(atLeast: isSoak ? 40_000 : 1200) }
            defer { writing.cancel() }
            let checker = QueueChecker(url: servers.postgres.url(database: name))
            for kill in 1...(isSoak ? 40 : 6) {
                // Both destinations have to come on before the next one.
                let (rows, accepted) = (try await checker.count(), receiver.accepted)
                try await waiting(for: "more rows after \(kill - 1) kills", within: .seconds(60)) {
                    try await checker.count() > rows ? true : nil
                }
                try await receiver.waitForAccepted(accepted + 1, within: .seconds(60))
                try await Task.sleep(for: .milliseconds(.random(in: 0...500)))
                await relays[kill % 2].kill()
                try await relays[kill % 2].start()
            }
            load.stop()
            let expected = try await writing.value
            let total = expected.values.reduce(0) { $0 + $1.count }
            try await checker.waitForRows(total, within: .seconds(60))
            try await receiver.waitForAccepted(total, within: .seconds(60))
            // One that comes twice may come later.
            try await Task.sleep(for: .milliseconds(500))
            let rows = try await servers.postgres.query(
                "SELECT key, type, payload::text, event_id FROM outbox_relay.events ORDER BY stream, position",
                database: name
            ).rows
            #expect(rows.count == total)
            var queued: [String: [(label: String, id: String)]] = [:]
            for row in rows {
                let label = try source.label(type: row[1] ?? "", payload: row[2] ?? "")
                queued[row[0] ?? "", default: []].append((label, row[3] ?? ""))
            }
            let arrivals = receiver.arrivals
            #expect(arrivals.count == total)
            for (key, labels) in expected {
                let found = queued[key] ?? []
                #expect(found.map(\.label) == labels, "\(key) in the queue")
                let times = found.compactMap { arrivals[$0.id] }
                #expect(times.count == labels.count && times == times.sorted(), "\(key) at the webhook")
            }
            let report = receiver.check([])
            #expect(report.signatureFailures.count == 0 && report.malformed.count == 0, "\(report)")
            print("\(source): \(load.count) writes, \(total) events, \(report.repeats) repeated to the webhook")
        }
    }
}
