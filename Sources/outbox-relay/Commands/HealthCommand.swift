import ArgumentParser
import RelayCore
import RelayOperations

/// `health`: for a container's HEALTHCHECK, green while every loop makes progress.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health", abstract: "Exit 0 while the relay that runs here is alive.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
        let settings = try options.settings()
        try await oneShot {
            let answer = try await HealthProbe.fetch(
                host: settings.httpHost, port: settings.httpPort, path: "/livez", timeout: .seconds(4))
            if answer.status != 200 {
                Terminal.complain(answer.body)
                throw ExitStatus.failed
            }
        }
    }
}
