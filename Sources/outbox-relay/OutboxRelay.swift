import ArgumentParser

/// The command line: `run` is what a container does, everything else is for people.
@main
struct OutboxRelay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox-relay",
        abstract: "Delivers a service's committed MongoDB writes as events to PostgreSQL queues and webhooks.",
        discussion: """
            Configured by environment variables or a YAML file; MONGODB_URI and DESTINATION_URL are enough.
            Exit codes: 0 done, 1 failed, 64 usage, 69 a server is unavailable, 70 internal, 78 configuration.
            """,
        version: Version.current,
        subcommands: [
            RunCommand.self, CheckCommand.self, SetupCommand.self, ConfigCommand.self, StatusCommand.self,
            DeadLettersCommand.self, PauseCommand.self, ResumeCommand.self, ReplayCommand.self, AuditCommand.self,
            AdoptCommand.self, ForgetCommand.self, HealthCommand.self,
        ],
        defaultSubcommand: RunCommand.self)

    static func main() async {
        if let problem = unknownCommand(CommandLine.arguments.dropFirst()) {
            exit(withError: ValidationError(problem))
        }
        await main(nil)
    }

    /// Why the first of `arguments` is no command; nil where it is one, or none. The default command would take it for
    /// an argument too many of its own.
    private static func unknownCommand(_ arguments: some Collection<String>) -> String? {
        let names = configuration.subcommands.compactMap { $0.configuration.commandName }
        guard let first = arguments.first, !first.hasPrefix("-"), !(names + ["help"]).contains(first) else {
            return nil
        }
        return "there is no command \"\(first)\"; the commands are \(names.joined(separator: ", "))"
    }
}

/// The version of this build.
enum Version {
    static let current = "0.1.0"
}
