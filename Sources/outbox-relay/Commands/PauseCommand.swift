import ArgumentParser
import RelayCore

/// `pause`: stops a destination's pipeline until `resume`, across restarts.
struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Stop delivering to a destination until `resume`.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The destination; may be left out where there is one.") var destination: String?
    @Option(help: "Why, for /status.") var reason = "paused by a person"

    func run() async throws {
        try await ask(.pause(reason: reason), try DestinationChoice.parseless(destination, options))
    }
}

/// `resume`: goes on after `pause`, or after the pipeline halted.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on after `pause`, or after the pipeline halted.")
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The destination; may be left out where there is one.") var destination: String?

    func run() async throws {
        try await ask(.resume, try DestinationChoice.parseless(destination, options))
    }
}

private func ask(_ kind: RelayRequest.Kind, _ chosen: ChosenDestination) async throws {
    try await oneShot(limit: .seconds(40)) {
        let answer = try await chosen.administration.request(kind, within: .seconds(30))
        Terminal.say("\(chosen.name): \(answer.message)")
        if !answer.succeeded { throw ExitStatus.failed }
    }
}
