import ArgumentParser
import Logging
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
            let relay = Wiring(settings, logger: Logger(label: "outbox-relay"))
            if prints {
                for line in relay.inspector.setupCommands { Terminal.say(line) }
                for queue in relay.queues {
                    Terminal.say(
                        "\n-- in psql, for destination \(queue.destination), as the role of its URL, which must own the schema\n-- (an administrator: CREATE SCHEMA \(queue.schema) AUTHORIZATION that role, then SET ROLE to it)\n\(queue.setupScript)"
                    )
                }
                return
            }
            for queue in relay.queues {
                try await queue.queue.setUp()
                Terminal.say("PostgreSQL (\(queue.destination)): the schema \(queue.schema) is there")
            }
            for line in try await relay.inspector.setUp() { Terminal.say(line) }
        }
    }
}
