import ArgumentParser

/// Commands of the design that this version refuses with a sentence instead of half doing them.
protocol UnbuiltCommand: AsyncParsableCommand {
    static var name: String { get }
    static var instead: String { get }
}

extension UnbuiltCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: name, abstract: "Not built yet in this version.")
    }

    func run() async throws {
        Terminal.complain("`outbox-relay \(Self.name)` is not built yet in version \(Version.current). \(Self.instead)")
        throw ExitStatus.failed
    }
}

struct ReplayCommand: UnbuiltCommand {
    static let name = "replay"
    static let instead = "Dead letters can be delivered again with `dead-letters retry`."
    @Argument(parsing: .captureForPassthrough) var rest: [String] = []
}

struct AuditCommand: UnbuiltCommand {
    static let name = "audit"
    static let instead = "Compare the outbox's ids with the queue's column event_id by SQL meanwhile."
    @Argument(parsing: .captureForPassthrough) var rest: [String] = []
}
