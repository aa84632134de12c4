import ArgumentParser
import Foundation
import RelayCore

/// `replay`: delivers events of the outbox again.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract:
            "Deliver events of the outbox again, at new positions, with the header outbox-relay-redelivery: replay.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var choice: DestinationChoice
    @Option(name: .customLong("event"), parsing: .upToNextOption, help: "Ids of events, as they go out.")
    var events: [String] = []
    @Option(help: "Those that occurred from this time on (RFC 3339, like 2026-11-22T20:50:21Z).") var since: String?
    @Option(help: "Those before this time; now when it is left out.") var until: String?
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        if events.isEmpty == (since == nil) { throw ValidationError("name events by --event, or a time by --since") }
        if until != nil, since == nil { throw ValidationError("--until belongs to --since") }
        if events.count > 10_000 { throw ValidationError("one command takes at most 10000 events") }
        _ = try selection()
    }

    /// - Throws: `ValidationError`.
    private func selection() throws -> ReplaySelection {
        guard let since else {
            var seen: Set<String> = []
            return .ids(events.filter { seen.insert($0).inserted })
        }
        let first = try CommandTime.milliseconds(since, option: "--since")
        // What comes from now on is delivered anyway.
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let last = try until.map { try CommandTime.milliseconds($0, option: "--until") } ?? now
        if last <= first { throw ValidationError("--until has to be later than --since") }
        return .times(since: first, until: last)
    }

    func run() async throws {
        let destination = try choice.one(try options.settings())
        let (selection, json) = (try selection(), json)
        // As long as it takes: whatever makes no progress for five minutes is given up.
        try await oneShot(limit: .seconds(7 * 86_400)) {
            let answer = try await destination.administration.request(.replay(selection), within: .seconds(30))
            if json { try Terminal.sayJSON(answer) } else { Terminal.say(answer.message) }
            if !answer.succeeded { throw ExitStatus.failed }
        }
    }
}

/// Times on the command line.
enum CommandTime {
    /// Unix milliseconds.
    /// - Throws: `ValidationError` unless it is RFC 3339 with a time zone.
    static func milliseconds(_ text: String, option: String) throws -> Int64 {
        let formatter = ISO8601DateFormatter()
        for options: ISO8601DateFormatter.Options in [
            [.withInternetDateTime], [.withInternetDateTime, .withFractionalSeconds],
        ] {
            formatter.formatOptions = options
            if let date = formatter.date(from: text) { return Int64((date.timeIntervalSince1970 * 1000).rounded()) }
        }
        throw ValidationError("\(option) is no RFC 3339 time with a time zone, like 2026-11-22T20:50:21Z")
    }
}
