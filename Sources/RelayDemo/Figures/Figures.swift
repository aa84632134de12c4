import ArgumentParser
import Foundation
import RelayTesting

/// `relay-demo figures`: measures what the documentation claims, on servers of its own, in one run.
struct Figures: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "figures",
        abstract: "Measures throughput beside a bare pump, latency, memory and idle cost.",
        discussion: """
            Throughput is a ratio to a bare pump in the same run (Benchmarks/pump.c: a change stream drained and the \
            same number of rows copied at the same time, nothing in between), since machines differ and are shared.
            """)

    @Option(help: "The compiled Benchmarks/pump.c.")
    var pump: String

    @Option(help: "Documents in the backlog whose draining is timed.")
    var documents = 200_000

    @Option(help: "Documents in the backlog during which memory is watched.")
    var largeBacklog = 500_000

    @Option(help: "How often pump and relay take turns.")
    var rounds = 3

    @Option(help: "Seconds of the latency and of the idle measurement.")
    var seconds = 20

    func validate() throws {
        guard (1000...10_000_000).contains(documents), (1000...10_000_000).contains(largeBacklog) else {
            throw ValidationError("backlogs have from 1000 to 10000000 documents.")
        }
        guard (1...20).contains(rounds), (5...600).contains(seconds) else {
            throw ValidationError("--rounds is from 1 to 20, --seconds from 5 to 600.")
        }
    }

    func run() async throws {
        let screen = Screen()
        let (pump, documents, large, rounds, seconds) = (
            URL(fileURLWithPath: pump).path, documents, largeBacklog, rounds, seconds
        )
        try await TestServers.with { servers in
            let bench = FiguresBench(servers: servers, screen: screen, pump: pump)
            try await bench.drain(documents, rounds: rounds, collectionFirst: false)
            try await bench.drain(documents, rounds: rounds, collectionFirst: true)
            try await bench.memory(large)
            try await bench.latency(seconds: seconds)
            try await bench.idle(seconds: seconds)
        }
    }
}
