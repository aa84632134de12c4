import Foundation
import RelayPostgreSQL
import RelayTesting
import Testing

extension Faults {
    @Suite("PostgreSQL fails under load", .serialized)
    struct PostgresTests {
        private func exact(
            _ events: Int = 4000, rate: Double = 600, _ more: [String: String] = [:],
            disturb: @escaping @Sendable (Load, RelayProcess) async throws -> Void
        ) async throws {
            try await TestServers.with { servers in
                let load = try await Load(servers, events: events, rate: rate)
                let relay = try load.relay(more)
                try await relay.start()
                let report = try await load.run {
                    try await load.progress()
                    try await disturb(load, relay)
                }
                #expect(report.isExact, "\(report)")
                #expect(relay.isRunning)
                try await relay.waitUntilStreaming()
            }
        }

        @Test("killed and restarted, twice")
        func restarted() async throws {
            try await exact { load, _ in
                for _ in 1...2 {
                    try await load.servers.postgres.restart(.immediate)
                    try await load.progress()
                }
            }
        }

        @Test("frozen for longer than the lease")
        func frozen() async throws {
            try await exact { load, relay in
                load.servers.postgres.freeze()
                defer { load.servers.postgres.resume() }
                try await Task.sleep(for: .seconds(5))
                let pipelines = try await relay.status().pipelines
                #expect(pipelines.allSatisfy { $0.state != "streaming" && $0.lastError != nil })
                load.servers.postgres.resume()
                try await load.progress()
            }
        }

        @Test("read-only for a while")
        func readOnly() async throws {
            try await exact { load, relay in
                let postgres = load.servers.postgres
                try await postgres.query("ALTER SYSTEM SET default_transaction_read_only = on")
                try await postgres.query("SELECT pg_reload_conf()")
                try await relay.waitUntil("noticing", within: .seconds(15)) {
                    $0.lastError?.contains("read-only") == true
                }
                try await Task.sleep(for: .seconds(3))
                try await postgres.query("ALTER SYSTEM RESET default_transaction_read_only")
                try await postgres.query("SELECT pg_reload_conf()")
                try await load.progress()
            }
        }

        @Test("connections ended at random all the time")
        func connectionsEnded() async throws {
            try await exact { load, relay in
                let connection = load.servers.postgres.connect(name: "terminator")
                var ended = 0
                while load.workload.progress.committed < 3500 {
                    let rows = try await connection.query(
                        .init(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = $1 AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1
                            """, [.text(load.database)]))
                    ended += rows.count
                    try await Task.sleep(for: .milliseconds(100))
                }
                #expect(ended >= 8)
            }
        }

        @Test("its disk is full for a while", .enabled(if: geteuid() == 0, "mounts a small tmpfs, which needs root"))
        func diskFull() async throws {
            try await TestServers.with { servers -> Void in
                let disk = servers.folder.path("small-disk")
                try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
                let mounted = try await Command.run(
                    "mount", ["-t", "tmpfs", "-o", "size=12m,mode=0777", "tmpfs", disk])
                guard mounted.exitCode == 0 else {
                    try Test.cancel("no tmpfs can be mounted here: \(mounted.error)")
                }
                do {
                    try await diskFull(servers, disk)
                    await servers.stop()
                    _ = try await Command.run("umount", ["-l", disk])
                } catch {
                    _ = try? await Command.run("umount", ["-l", disk])
                    throw error
                }
            }
        }

        private func diskFull(_ servers: TestServers, _ disk: String) async throws {
            let space = "\(disk)/space"
            try FileManager.default.createDirectory(atPath: space, withIntermediateDirectories: true)
            chmod(space, 0o700)
            _ = try await Command.run("chown", ["postgres", space])
            try await servers.postgres.query("CREATE TABLESPACE small LOCATION '\(space)'")
            let load = try await Load(servers, events: 8000, rate: nil, filling: 1200, tablespace: "small")
            let relay = try load.relay()
            try await relay.start()
            let report = try await load.run(within: .seconds(90)) {
                try await relay.waitUntil("noticing", within: .seconds(40)) {
                    $0.lastError?.contains("disk is full") == true
                }
                try await Task.sleep(for: .seconds(2))
                let grown = try await Command.run("mount", ["-o", "remount,size=256m", disk])
                #expect(grown.exitCode == 0)
            }
            #expect(report.isExact, "\(report)")
            #expect(relay.isRunning)
        }
    }
}
