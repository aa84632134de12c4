import ArgumentParser
import RelayTesting

/// `relay-demo sources`: the kinds of source beside one another, on the same documents.
struct SourceFigures: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sources",
        abstract: "Measures how fast a change stream is drained as an outbox and as changes of the same collection.")

    @Option(help: "Documents whose draining is timed.")
    var documents = 100_000

    @Option(help: "How often both take turns.")
    var rounds = 3

    func validate() throws {
        guard (1000...10_000_000).contains(documents), (1...20).contains(rounds) else {
            throw ValidationError("--documents is from 1000 to 10000000, --rounds from 1 to 20.")
        }
    }

    func run() async throws {
        let (documents, rounds, screen) = (documents, rounds, Screen())
        try await TestServers.with { servers in
            let bench = FiguresBench(servers: servers, screen: screen, pump: "")
            var ratios: [Double] = []
            for _ in 0..<rounds {
                let outbox = try await bench.drain(documents, as: [:])
                let changes = try await bench.drain(
                    documents, as: ["SOURCE_KIND": "changes", "SOURCE_COLLECTIONS": "outbox"])
                ratios.append(changes / outbox)
                screen.line(
                    "outbox \(Screen.decimal(outbox)) events/s, changes \(Screen.decimal(changes)), ratio "
                        + Screen.decimal(changes / outbox, 2))
            }
            ratios.sort()
            screen.line("changes: ratio to outbox, median of \(rounds): \(Screen.decimal(ratios[rounds / 2], 2))")
        }
    }
}

extension FiguresBench {
    /// Events a second of what was inserted while the relay was away, read as `kind` says.
    fileprivate func drain(_ count: Int, as kind: [String: String]) async throws -> Double {
        let name = servers.uniqueName("kind")
        let queue = try await servers.postgres.createDatabase(name)
        let relay = try self.relay(database: name, queue: name, kind)
        _ = try await servers.mongo.run(["create": "outbox"], on: name)
        try await relay.start()
        try await relay.waitUntilStreaming()
        _ = await relay.terminate()
        try await Outbox(uri: servers.mongo.uri(), database: name).load(count: count, bytes: 400)
        let rate = try await timed(relay, count, queue: queue)
        _ = await relay.terminate()
        _ = try await check(count, queue: queue)
        try await drop(name)
        return rate
    }
}
