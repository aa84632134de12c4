import ArgumentParser
import Foundation
import RelayConfiguration
import RelayCore

/// The two options that every command has. Everything else is configuration.
struct GlobalOptions: ParsableArguments {
    @Option(help: "The YAML configuration file; goes before RELAY_CONFIG.")
    var config: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical; goes before RELAY_LOG_LEVEL.")
    var logLevel: String?

    /// The checked configuration. What is wrong with it is printed, all of it, and the process ends with 78.
    func settings() throws -> RelaySettings {
        do {
            return try RelaySettings.load(
                environment: ProcessInfo.processInfo.environment, configFile: config, logLevel: logLevel)
        } catch {
            Terminal.complain("\(error)")
            throw ExitStatus.configuration
        }
    }
}

/// The process's exit codes (BSD `sysexits.h` where it has one).
enum ExitStatus {
    static let failed = ExitCode(1)
    static let unavailable = ExitCode(69)
    static let internalFault = ExitCode(70)
    static let configuration = ExitCode(78)

    /// The code that tells of `error`.
    static func code(for error: RelayError) -> ExitCode {
        switch error.code {
        case .unavailable: unavailable
        case .configuration: configuration
        case .internalFault: internalFault
        default: failed
        }
    }
}

/// What commands print: results to standard output, complaints to standard error.
enum Terminal {
    static func say(_ text: String) { write(text, to: .standardOutput) }
    static func complain(_ text: String) { write(text, to: .standardError) }

    /// Anything encodable as JSON, for `--json`.
    static func sayJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        say(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    private static func write(_ text: String, to handle: FileHandle) {
        try? handle.write(contentsOf: Data((text + "\n").utf8))
    }
}

/// Runs a one-shot command: errors become a line and a code, and no server keeps it longer than `limit`.
func oneShot(limit: Duration = .milliseconds(9500), _ body: @escaping @Sendable () async throws -> Void) async throws {
    LogSetup.bootstrapForCommands()
    let watchdog = Thread {
        Thread.sleep(forTimeInterval: limit / .seconds(1))
        Terminal.complain("a server did not answer in time: is it running, and reachable from here?")
        exit(ExitStatus.unavailable.rawValue)
    }
    watchdog.start()
    do {
        try await body()
    } catch let error as RelayError {
        Terminal.complain(error.message)
        throw ExitStatus.code(for: error)
    } catch let code as ExitCode {
        throw code
    } catch {
        Terminal.complain("\(error)")
        throw ExitStatus.internalFault
    }
}
