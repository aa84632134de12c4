import ArgumentParser
import RelayCore

/// `setup`: creates what `run` needs, idempotently.
struct SetupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setup", abstract: "Create tables, functions and collections; does nothing where they are there.")

    @OptionGroup var options: GlobalOptions
    @Flag(help: "Print the SQL and the commands instead of executing them.") var print = false

    func run() async throws {
        let settings = try options.settings()
        let prints = print
        try await oneShot(limit: .seconds(60)) {
            let relay = Wiring(settings)
            if prints {
                for line in relay.inspector.setupCommands { Terminal.say(line) }
                for line in relay.cleanupInspector?.setupCommands ?? [] { Terminal.say(line) }
                for parts in relay.destinations { Terminal.say(parts.setupScript) }
                return
            }
            for parts in relay.destinations { Terminal.say(try await parts.setUp()) }
            for line in try await relay.inspector.setUp() { Terminal.say(line) }
            for line in try await relay.cleanupInspector?.setUp() ?? [] { Terminal.say(line) }
        }
    }
}
