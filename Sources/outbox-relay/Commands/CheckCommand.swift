import ArgumentParser
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
            let relay = Wiring(settings)
            async let source = relay.inspector.findings()
            // Side by side: one server that does not answer must not use up the others' time.
            let destinations = await withTaskGroup(of: (Int, [Finding]).self) { group in
                for (index, parts) in relay.destinations.enumerated() {
                    group.addTask { (index, await parts.findings()) }
                }
                var found = [[Finding]](repeating: [], count: relay.destinations.count)
                for await (index, findings) in group { found[index] = findings }
                return found
            }
            let findings = await source + (relay.cleanupInspector?.findings() ?? []) + destinations.flatMap { $0 }
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
