import Foundation
import RelayTesting
import Testing

@testable import RelayPostgreSQL

/// The queue's tables and functions on a real server, by `psql` alone: `sql/run.sh`.
@Suite("Queue SQL", .timeLimit(.minutes(5)))
struct QueueSQLTests {
    @Test("the SQL tests pass on a server of their own", arguments: ["json"])
    func all(payloadType: String) async throws {
        let folder = try await TestFolder()
        defer { folder.remove() }
        let server = try await PostgresServer.start(in: folder)
        let setup = folder.path("setup.sql")
        let script = NativeSchema.setupScript(schema: "outbox_relay", payloadType: payloadType)
        try script.write(toFile: setup, atomically: true, encoding: .utf8)
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let runner = here.appendingPathComponent("sql/run.sh").path
        let connection = "host=127.0.0.1 port=\(server.port) user=postgres dbname=postgres"
        let run = await Result {
            try await Command.run("/bin/sh", [runner, connection, setup], within: .seconds(200))
        }
        await server.stop(.immediate)
        let result = try run.get()
        let passed = result.output.split(separator: "\n").filter { $0.hasPrefix("ok") }
        let files = try FileManager.default.contentsOfDirectory(atPath: here.appendingPathComponent("sql").path)
            .filter { $0.hasSuffix(".sql") && $0.first?.isNumber == true }
        #expect(result.exitCode == 0, "\(result.output)\n\(result.error)")
        #expect(!files.isEmpty)
        // Each file is a test, and there are more beside them.
        #expect(passed.count > files.count, "\(result.output)\n\(result.error)")
        #expect(!result.output.contains("FAIL"))
    }
}

extension Result where Failure == any Error {
    /// What `body` returned or threw.
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
