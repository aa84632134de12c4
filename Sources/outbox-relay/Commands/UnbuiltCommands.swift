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

struct AdoptCommand: UnbuiltCommand {
    static let name = "adopt"
    static let instead = "Keep RELAY_NAME and the destination's name as they are meanwhile."
    @Argument(parsing: .captureForPassthrough) var rest: [String] = []
}

struct ForgetCommand: UnbuiltCommand {
    static let name = "forget"
    static let instead = "Nothing waits for a removed destination in this version: no cleanup is built yet."
    @Argument(parsing: .captureForPassthrough) var rest: [String] = []
}
