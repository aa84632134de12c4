import ArgumentParser
import Logging
import RelayCore

/// `check`: is everything there that `run` needs?
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Connect to every server and report, a line a finding.")

    @OptionGroup var options: GlobalOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let settings = try options.settings()
        let json = json
        try await oneShot {
            let relay = Wiring(settings, logger: Logger(label: "outbox-relay"))
            async let source = relay.inspector.findings()
            var findings: [Finding] = []
            for queue in relay.queues { findings += await queue.inspector.findings() }
            findings = await source + findings
            if json {
                try Terminal.sayJSON(findings)
            } else {
                for finding in findings {
                    Terminal.say("\(Self.mark(finding.level)) \(finding.subject): \(finding.message)")
                }
            }
            if findings.contains(where: { $0.level == .unreachable }) { throw ExitStatus.unavailable }
            if findings.contains(where: { $0.level == .failure }) { throw ExitStatus.failed }
        }
    }

    private static func mark(_ level: Finding.Level) -> String {
        switch level {
        case .ok: "ok     "
        case .warning: "warning"
        case .failure, .unreachable: "FAILED "
        }
    }
}
