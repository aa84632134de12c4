import ArgumentParser
import RelayCore

/// `adopt`: a relay or a destination was renamed, and goes on where it was under its old name.
struct AdoptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Carry checkpoint and state over after RELAY_NAME or a destination's name was changed.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The old name: RELAY_NAME/DESTINATION, or a destination of this relay.") var old: String
    @Argument(help: "The new name, of a destination in the configuration.") var new: String
    @Flag(help: "Print JSON.") var json = false

    private struct Answer: Encodable {
        var old: String
        var new: String
        var message: String
    }

    func run() async throws {
        let settings = try options.settings()
        let (old, new) = (PipelineNames.full(old, settings.name), PipelineNames.full(new, settings.name))
        if old == new { throw ValidationError("OLD and NEW are the same pipeline, \(old)") }
        let destinations = Wiring(settings).destinations
        guard let parts = destinations.first(where: { $0.pipeline == new }) else {
            throw ValidationError(
                "\(new) is not in the configuration, which names "
                    + destinations.map(\.pipeline).joined(separator: ", "))
        }
        let json = json
        try await oneShot(limit: .seconds(900)) {
            try await parts.adopt(old)
            let message =
                "\(new) goes on where \(old) stopped: checkpoint, dead letters and what else was stored are its own"
            if json { return try Terminal.sayJSON(Answer(old: old, new: new, message: message)) }
            Terminal.say(message)
        }
    }
}
