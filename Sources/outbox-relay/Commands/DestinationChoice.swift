import ArgumentParser
import RelayConfiguration
import RelayCore

/// Which destination a command is about.
struct DestinationChoice: ParsableArguments {
    @Option(help: "The destination's name; may be left out where there is one.")
    var destination: String?

    /// The named one, or all.
    func all(_ settings: RelaySettings) throws -> [ChosenDestination] {
        let all = Wiring(settings).destinations.map {
            ChosenDestination(name: $0.destination, administration: $0.administration)
        }
        guard let destination else { return all }
        let chosen = all.filter { $0.name == destination }
        if chosen.isEmpty {
            throw ValidationError(
                "there is no destination \(destination); the configuration names "
                    + all.map(\.name).joined(separator: ", "))
        }
        return chosen
    }

    /// The named one, or the only one.
    func one(_ settings: RelaySettings) throws -> ChosenDestination {
        let chosen = try all(settings)
        guard chosen.count == 1 else {
            throw ValidationError("name one of the destinations: " + chosen.map(\.name).joined(separator: ", "))
        }
        return chosen[0]
    }

    /// The same for commands that take the name as an argument.
    static func parseless(_ name: String?, _ options: GlobalOptions) throws -> ChosenDestination {
        var choice = DestinationChoice()
        choice.destination = name
        return try choice.one(try options.settings())
    }
}

/// A destination as commands see it, of whichever kind it is.
struct ChosenDestination: Sendable {
    let name: String
    let administration: any DestinationAdministration
}
