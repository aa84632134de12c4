import ArgumentParser
import Foundation
import RelayConfiguration

/// `config`: what is in force, and why.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Print the effective configuration and where each value came from.")

    @OptionGroup var options: GlobalOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let settings = try options.settings()
        if json { return try Terminal.sayJSON(settings.report) }
        let width = settings.report.map(\.variable.count).max() ?? 0
        for entry in settings.report {
            let name = entry.variable.padding(toLength: width, withPad: " ", startingAt: 0)
            Terminal.say("\(name)  \(entry.value ?? "(not set)")  [\(entry.origin)]")
        }
    }
}
