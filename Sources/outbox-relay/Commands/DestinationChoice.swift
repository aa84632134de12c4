import ArgumentParser
import Logging
import RelayConfiguration

/// Which destination a command is about.
struct DestinationChoice: ParsableArguments {
    @Option(help: "The destination's name; may be left out where there is one.")
    var destination: String?

    /// The named one, or all.
    func queues(_ settings: RelaySettings) throws -> [QueueParts] {
        let all = Wiring(settings, logger: Logger(label: "outbox-relay")).queues
        guard let destination else { return all }
        let chosen = all.filter { $0.destination == destination }
        if chosen.isEmpty {
            throw ValidationError(
                "there is no destination \(destination); the configuration names "
                    + all.map(\.destination).joined(separator: ", "))
        }
        return chosen
    }

    /// The named one, or the only one.
    func one(_ settings: RelaySettings) throws -> QueueParts {
        let chosen = try queues(settings)
        guard chosen.count == 1 else {
            throw ValidationError(
                "name one of the destinations: " + chosen.map(\.destination).joined(separator: ", "))
        }
        return chosen[0]
    }

    /// The same for commands that take the name as an argument.
    static func parseless(_ name: String?, _ options: GlobalOptions) throws -> QueueParts {
        var choice = DestinationChoice()
        choice.destination = name
        return try choice.one(try options.settings())
    }
}
