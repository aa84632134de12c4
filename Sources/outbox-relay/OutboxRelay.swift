import ArgumentParser

/// The command line: `run` is what a container does, everything else is for people.
@main
struct OutboxRelay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "outbox-relay",
        abstract: "Delivers a service's committed MongoDB writes as events to PostgreSQL queues, exactly once.",
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
}

/// The version of this build.
enum Version {
    static let current = "0.1.0"
}
