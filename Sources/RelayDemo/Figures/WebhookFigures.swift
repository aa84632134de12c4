import ArgumentParser
import Foundation
import RelayTesting

/// `relay-demo webhooks`: measures what the documentation claims of webhooks, on servers of its own, in one run.
struct WebhookFigures: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhooks",
        abstract: "Measures the throughput of webhooks beside a bare HTTP client, and beside a dead destination.",
        discussion: """
            Throughput is a ratio to a bare async-http-client loop in the same run, which posts a request of the \
            relay's to the same nginx with as many in flight, since machines differ and are shared. Needs nginx; wrk \
            is measured as well where it is installed.
            """)

    @Option(help: "Events that are posted at 32 and 256 in flight, in each round.")
    var events = 40_000

    @Option(help: "How often relay and bare loop take turns.")
    var rounds = 3

    /// What can be measured by itself.
    enum Part: String, CaseIterable, ExpressibleByArgument {
        /// Relay, bare loop and wrk.
        case throughput
        /// A receiver that takes its time.
        case slow
        case batch
        /// Beside a dead destination.
        case dead
    }

    @Option(help: "One part only.")
    var only: Part?

    func validate() throws {
        guard (1000...1_000_000).contains(events) else {
            throw ValidationError("--events is from 1000 to 1000000.")
        }
        guard (1...20).contains(rounds) else { throw ValidationError("--rounds is from 1 to 20.") }
    }

    func run() async throws {
        let (events, rounds, screen) = (events, rounds, Screen())
        let parts = only.map { [$0] } ?? Part.allCases
        try await TestServers.with { servers in
            let nginx = try await NginxServer.start(in: servers.folder)
            let bench = WebhookBench(servers: servers, screen: screen, nginx: nginx)
            for part in parts {
                switch part {
                case .throughput:
                    let sample = try await bench.sample()
                    for inFlight in [1, 32, 256] {
                        let count = inFlight == 1 ? max(1000, events / 8) : events
                        try await bench.compare(count, inFlight: inFlight, rounds: rounds, sample: sample)
                    }
                    try await bench.wrk(sample)
                case .slow: try await bench.slowReceiver()
                case .batch: try await bench.batches(events * 5)
                // Long enough that what the dead one reads until it waits does not count.
                case .dead: try await bench.besideDead(events * 5, rounds: rounds)
                }
            }
            await nginx.stop()
        }
    }
}
