import ArgumentParser
import RelayCore
import RelayMongoDB

/// `forget`: a destination was removed, and cleaning up is to wait for it no longer.
struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget", abstract: "Let cleanup no longer wait for a destination that was removed.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The destination, or a whole pipeline name (RELAY_NAME/DESTINATION).") var destination: String
    @Flag(help: "Print JSON.") var json = false

    private struct Answer: Encodable {
        var pipeline: String
        var sources: [String]
        var message: String
    }

    func run() async throws {
        let settings = try options.settings()
        let (name, json) = (PipelineNames.full(destination, settings.name), json)
        try await oneShot {
            let sources = try await RegistryAdministration(Wiring(settings).endpoint).forget(name)
            let message =
                "forgot \(name): cleanup of \(sources.joined(separator: ", ")) waits for it no longer. Its state (checkpoint, "
                + "dead letters, what is parked) stays where it is"
            if json { return try Terminal.sayJSON(Answer(pipeline: name, sources: sources, message: message)) }
            Terminal.say(message)
        }
    }
}

/// How commands take names of pipelines.
enum PipelineNames {
    /// A name with a slash is whole; any other is a destination of the relay `relay`.
    static func full(_ name: String, _ relay: String) -> String { name.contains("/") ? name : "\(relay)/\(name)" }
}
