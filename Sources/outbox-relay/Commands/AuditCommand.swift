import ArgumentParser
import RelayCore

/// `audit`: is every event of the outbox accounted for?
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Prove that every event of the outbox is delivered, parked, dead-lettered or filtered, everywhere.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var choice: DestinationChoice
    @Option(help: "Only what occurred from this time on (RFC 3339, like 2026-11-22T20:50:21Z).") var since: String?
    @Flag(help: "Print JSON.") var json = false

    func validate() throws { _ = try since.map { try CommandTime.milliseconds($0, option: "--since") } }

    func run() async throws {
        let settings = try options.settings()
        guard settings.source.kind == .outbox else {
            Terminal.complain(
                "`audit` compares an outbox collection, and SOURCE_KIND is \(settings.source.kind.rawValue)")
            throw ExitStatus.failed
        }
        let wiring = Wiring(settings)
        let chosen = Set(try choice.all(settings).map(\.name))
        let since = try since.map { try CommandTime.milliseconds($0, option: "--since") }
        let json = json
        try await oneShot(limit: .seconds(86_400)) {
            var reports: [AuditReport] = []
            for parts in wiring.destinations where chosen.contains(parts.destination) {
                let audit = DestinationAudit(parts, source: wiring.audit(of: parts), settings: settings)
                reports.append(try await audit.run(since: since))
            }
            if json {
                try Terminal.sayJSON(reports)
            } else {
                for line in reports.flatMap(\.lines) { Terminal.say(line) }
            }
            if reports.contains(where: { $0.count(.lost) > 0 }) { throw ExitStatus.failed }
        }
    }
}

/// What became of the events at one destination.
struct AuditReport: Encodable, Sendable {
    var destination: String
    /// Documents looked at.
    var events = 0
    /// How many there are of each verdict; all verdicts are present.
    var verdicts = Dictionary(uniqueKeysWithValues: AuditRule.Verdict.allCases.map { ($0.rawValue, 0) })
    /// Ids of lost events, the first thousand; a document without an id is `?`.
    var lost: [String] = []
    /// Ids of those of which nothing can be proven, the first hundred.
    var unprovable: [String] = []

    init(_ destination: String) { self.destination = destination }

    func count(_ verdict: AuditRule.Verdict) -> Int { verdicts[verdict.rawValue] ?? 0 }

    mutating func note(_ verdict: AuditRule.Verdict, _ id: String?) {
        verdicts[verdict.rawValue, default: 0] += 1
        if verdict == .lost, lost.count < 1000 { lost.append(id ?? "?") }
        if verdict == .unprovable, unprovable.count < 100 { unprovable.append(id ?? "?") }
    }

    /// For people.
    var lines: [String] {
        let counts = AuditRule.Verdict.allCases.filter { count($0) > 0 }.map { "\(count($0)) \($0.words)" }
        var lines = ["\(destination): \(events) events: " + (counts.isEmpty ? "none" : counts.joined(separator: ", "))]
        for id in lost { lines.append("  LOST \(id)") }
        if count(.lost) > lost.count { lines.append("  and \(count(.lost) - lost.count) more") }
        if count(.unprovable) > 0 {
            lines.append(
                "  cannot be proven, no record exists: \(unprovable.prefix(10).joined(separator: ", "))"
                    + (count(.unprovable) > 10 ? " and \(count(.unprovable) - 10) more" : ""))
        }
        return lines
    }
}

extension AuditRule.Verdict {
    fileprivate var words: String {
        switch self {
        case .delivered: "delivered"
        case .parked: "parked"
        case .deadLettered: "dead-lettered"
        case .discarded: "discarded"
        case .filtered: "filtered"
        case .skipped: "skipped (before the first start)"
        case .inFlight: "in flight (the checkpoint has not passed them yet)"
        case .unprovable: "cannot be proven"
        case .lost: "LOST"
        }
    }
}
