import RelayMongoDB
import RelayPostgreSQL
import RelayTesting
import Testing

extension Integration {
    @Suite("The life of a pipeline")
    struct LifeTests {
        @Test("a collection that does not exist yet is waited for; dropped and made anew, it goes on")
        func collection() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            try await rig.insert([outboxDocument(1, payload: 1), outboxDocument(2, payload: 1)])
            try await rig.waitForRows(2)
            for round in 1...2 {
                try await rig.run(["drop": "outbox"])
                try await rig.insert([outboxDocument(.integer(round * 10), payload: 1)])
                try await rig.waitForRows(2 + round * 2 - 1)
                try await rig.insert([outboxDocument(.integer(round * 10 + 1), payload: 1)])
                try await rig.waitForRows(2 + round * 2)
            }
            try await rig.run(
                ["renameCollection": .string("\(rig.database).outbox"), "to": .string("\(rig.database).old")],
                admin: true)
            try await rig.insert([outboxDocument(30, payload: 1)])
            try await rig.waitForRows(7)
            await relay.terminate()
            try await relay.start()
            try await relay.waitUntilStreaming()
            try await rig.insert([outboxDocument(31, payload: 1)])
            try await rig.waitForRows(8)
            #expect(try await rig.events().map(\.id) == ["1", "2", "10", "11", "20", "21", "30", "31"])
        }

        @Test("SOURCE_ON_INVALIDATE=halt halts, and goes on behind it after resume")
        func halt() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(["SOURCE_ON_INVALIDATE": "halt"])
            try await rig.insert([outboxDocument(1, payload: 1)])
            try await rig.waitForRows(1)
            try await rig.run(["drop": "outbox"])
            try await relay.waitUntil("halted") {
                $0.state == "halted" && $0.why?.contains("SOURCE_ON_INVALIDATE") == true
            }
            try await rig.insert([outboxDocument(2, payload: 1)])
            try await Task.sleep(for: .seconds(1))
            #expect(try await rig.checker.count() == 1)
            #expect(try await relay.command(["resume"]).exitCode == 0)
            try await rig.waitForRows(2)
            #expect(try await rig.events().map(\.id) == ["1", "2"])
        }

        @Test(
            "the endpoints of the real process, and MongoDB away: not ready before the first contact, ready ever after")
        func endpoints() async throws {
            try await TestServers.with { servers in
                let server = servers.mongo.members[0]
                await server.stop()
                let rig = try await Rig(on: servers)
                let relay = try rig.relay()
                try await relay.start()
                try await waiting(for: "the listener", within: .seconds(10)) {
                    try await relay.get("/startupz").status == 200 ? true : nil
                }
                try await Task.sleep(for: .seconds(1))
                #expect(try await relay.get("/readyz").status == 503)
                #expect(try await relay.get("/livez").status == 200)
                try await server.start()
                try await relay.waitUntilStreaming(within: .seconds(60))
                #expect(try await relay.get("/readyz").status == 200)
                try await rig.insert([outboxDocument(1, payload: 1)])
                try await rig.waitForRows(1)
                try await relay.waitUntil("knowing the oplog") { $0.oplogHeadroomSeconds != nil }
                let metrics = try await relay.get("/metrics").body
                for name in [
                    "outbox_relay_events_delivered_total", "outbox_relay_lag_seconds", "outbox_relay_batch_events",
                    "outbox_relay_pipeline_role", "outbox_relay_oplog_headroom_seconds",
                ] { #expect(metrics.contains("# TYPE \(name) "), "\(name)") }
                #expect(try await relay.get("/").body.contains("<html"))
                #expect(try await relay.get("/elsewhere").status == 404)
                #expect(try await relay.command(["health"]).exitCode == 0)
                let status = try await relay.command(["status"])
                #expect(status.exitCode == 0 && status.output.contains("leader, streaming"), "\(status.output)")
                await server.stop()
                try await relay.waitUntil("noticing", within: .seconds(30)) {
                    $0.lastError?.contains("MongoDB") == true
                }
                #expect(try await relay.get("/readyz").status == 200)
                #expect(try await relay.get("/livez").status == 200)
                await relay.kill()
                let health = try await relay.command(["health"])
                #expect(health.exitCode != 0)
            }
        }

        @Test("a checkpoint of another cluster, or later than the server's time, halts with what to do")
        func identity() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(["RELAY_NAME": "kept"])
            try await rig.insert([outboxDocument(1, payload: 1)])
            try await rig.waitForRows(1)
            await relay.terminate()
            let checkpoint = try #require(try await rig.value("SELECT checkpoint FROM outbox_relay.checkpoints"))
            try await rig.sql(
                "UPDATE outbox_relay.checkpoints SET checkpoint = jsonb_set(checkpoint::jsonb, '{clusterTime,t}', '4000000000')::text"
            )
            try await relay.start()
            try await relay.waitUntil("halted") {
                $0.state == "halted" && $0.why?.contains("later than the server's own time") == true
            }
            await relay.terminate()
            try await rig.sql("UPDATE outbox_relay.checkpoints SET checkpoint = '\(checkpoint)'")

            let other = try await TestServers.start()
            relay.setVariable("MONGODB_URI", to: other.mongo.uri(database: rig.database))
            try await relay.start()
            do {
                try await relay.waitUntil("halted") {
                    $0.state == "halted" && $0.why?.contains("another MongoDB cluster") == true
                }
                await relay.terminate()
            } catch {
                await other.stop()
                throw error
            }
            await other.stop()
            relay.setVariable("MONGODB_URI", to: rig.uri)
            try await relay.start()
            try await relay.waitUntilStreaming()
            try await rig.insert([outboxDocument(2, payload: 1)])
            try await rig.waitForRows(2)
        }

        @Test("an idle outbox's checkpoint moves with the oplog")
        func idle() async throws {
            let rig = try await Rig()
            _ = try await rig.streamingRelay()
            try await rig.insert([outboxDocument(1, payload: 1)])
            try await rig.waitForRows(1)
            func token() async throws -> String? {
                try await rig.value("SELECT checkpoint::jsonb ->> 'token' FROM outbox_relay.checkpoints")
            }
            let first = try await token()
            let end = ContinuousClock.now + .seconds(16)
            var later = first
            while later == first, ContinuousClock.now < end {
                try await rig.insert([["x": 1]], into: "other")
                try await Task.sleep(for: .milliseconds(200))
                later = try await token()
            }
            #expect(
                try #require(later) > (try #require(first)), "the token is saved while nothing happens in the outbox")
            #expect(try await rig.checker.count() == 1)
        }

        @Test("a taken port ends a relay that stands by, with what to do; it neither hangs nor spins")
        func takenPort() async throws {
            let rig = try await Rig()
            let leader = try await rig.streamingRelay()
            let other = try rig.relay()
            other.setVariable("RELAY_HTTP_PORT", to: "\(leader.port)")
            // The port answers (the leader does), so only the exit tells of the other.
            _ = try? await other.start()
            #expect(await other.waitForExit(within: .seconds(30)) == .code(78))
            #expect(other.logText.contains("\(leader.port)"))
        }

        @Test("pause and resume, across a restart")
        func pause() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay()
            #expect(try await relay.command(["pause", "--reason", "maintenance"]).exitCode == 0)
            try await rig.insert([outboxDocument(1, payload: 1)])
            try await relay.waitUntil("paused") { $0.state == "paused" && $0.why == "maintenance" }
            await relay.kill()
            try await relay.start()
            try await relay.waitUntil("paused still") { $0.state == "paused" && $0.why == "maintenance" }
            try await Task.sleep(for: .seconds(1))
            #expect(try await rig.checker.count() == 0)
            #expect(try await relay.command(["resume"]).exitCode == 0)
            try await rig.waitForRows(1)
            try await relay.waitUntilStreaming()
        }
    }
}

extension Rig {
    /// Runs a command in the database `admin`.
    @discardableResult
    func run(_ command: BSONDocument, admin: Bool) async throws -> BSONDocument {
        try await servers.mongo.run(command, on: admin ? "admin" : database)
    }
}
