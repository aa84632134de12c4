import ArgumentParser
import Foundation
import RelayTesting

/// `relay-demo`: a shop, the relay and a consumer on real servers, and a count of whether everything adds up.
@main
struct RelayDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay-demo", abstract: "The relay at work on real servers that it starts itself.",
        subcommands: [ShopDemo.self, Figures.self, WebhookFigures.self, SourceFigures.self],
        defaultSubcommand: ShopDemo.self)
}

/// `relay-demo shop`: the demo itself.
struct ShopDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shop",
        abstract:
            "Shows the relay at work between a MongoDB, a PostgreSQL and a webhook of its own, and checks the result.",
        discussion: """
            Starts the servers in a temporary folder, the relay, a shop that writes orders in MongoDB transactions, a \
            consumer that reads the queue with SQL, and a webhook that verifies signatures and fails one request in \
            ten. Stops what it started. Exit code 0 only if every committed event is in the queue once, was accepted \
            by the webhook, both in order by key, and nothing else came.
            """)

    @Option(help: "Orders to be placed; each is placed, paid and shipped in transactions of its own.")
    var orders = 2000

    @Option(help: "Connections that write at once.")
    var writers = 4

    @Option(help: "Transactions a second of all writers together.")
    var rate = 400.0

    @Option(help: "How often the relay is killed by SIGKILL on the way, and started again.")
    var killRelay = 1

    func validate() throws {
        guard (1...1_000_000).contains(orders) else { throw ValidationError("--orders is a number from 1 to 1000000.") }
        guard (1...64).contains(writers) else { throw ValidationError("--writers is a number from 1 to 64.") }
        guard rate >= 1, rate <= 100_000 else { throw ValidationError("--rate is a number from 1 to 100000.") }
        guard (0...20).contains(killRelay) else { throw ValidationError("--kill-relay is a number from 0 to 20.") }
    }

    func run() async throws {
        let screen = Screen()
        let demo = Demo(
            plan: DemoPlan(orders: orders, writers: writers, rate: rate, kills: killRelay), screen: screen)
        let work = Task { try await demo.run() }
        let signals = Signals { number in
            screen.line("stopping everything (again to stop at once)")
            work.cancel()
            return 128 + number
        }
        defer { signals.stop() }
        do {
            let adds = try await work.value
            guard !adds else { return }
        } catch {
            if let code = signals.exitCode { throw ExitCode(code) }
            screen.problem("\(error)")
        }
        throw ExitCode(signals.exitCode ?? 1)
    }
}
