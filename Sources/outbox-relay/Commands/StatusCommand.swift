import ArgumentParser
import Foundation
import RelayCore
import RelayOperations

/// `status`: what the running relay says of itself.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show every pipeline of the relay that runs here.")

    @OptionGroup var options: GlobalOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let settings = try options.settings()
        let json = json
        try await oneShot {
            let answer = try await HealthProbe.fetch(
                host: settings.httpHost, port: settings.httpPort, path: "/status", timeout: .seconds(5))
            guard answer.status == 200 else {
                throw RelayError(.unavailable, "the relay answered with HTTP status \(answer.status)")
            }
            if json {
                Terminal.say(answer.body)
            } else {
                for line in try StatusText.lines(answer.body) { Terminal.say(line) }
            }
        }
    }
}

/// `/status` for people.
enum StatusText {
    private struct Answer: Decodable {
        var pipelines: [Pipeline]
    }
    private struct Pipeline: Decodable {
        var name: String
        var role: String
        var state: String
        var why: String?
        var lagSeconds: Double?
        var oplogHeadroomSeconds: Double?
        var deadLetters: Int?
        var lastError: String?
        var breaker: String?
        var inFlight: Int?
        var parked: Int?
        var parkedKeys: Int?
        var oldestParkedSeconds: Double?
    }

    private static func parked(_ pipeline: Pipeline) -> String {
        guard let events = pipeline.parked, events > 0 else { return "nothing parked" }
        let keys = pipeline.parkedKeys ?? 0
        let age = pipeline.oldestParkedSeconds.map { ", the oldest for \(Int($0)) s" } ?? ""
        return "parked \(events) event\(events == 1 ? "" : "s") of \(keys) key\(keys == 1 ? "" : "s")\(age)"
    }

    static func lines(_ body: String) throws -> [String] {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(body.utf8)) else {
            throw RelayError(.unavailable, "what answers at RELAY_HTTP_PORT is no outbox-relay")
        }
        return answer.pipelines.flatMap { pipeline in
            var lines = [
                "\(pipeline.name): \(pipeline.role), \(pipeline.state)" + (pipeline.why.map { " (\($0))" } ?? ""),
                "  lag \(pipeline.lagSeconds.map { "\($0) s" } ?? "unknown"), oplog headroom "
                    + "\(pipeline.oplogHeadroomSeconds.map { "\(Int($0)) s" } ?? "unknown"), dead letters "
                    + "\(pipeline.deadLetters ?? 0)",
            ]
            if let breaker = pipeline.breaker {
                lines.append(
                    "  breaker \(breaker), in flight \(pipeline.inFlight ?? 0), \(parked(pipeline))")
            }
            if let error = pipeline.lastError { lines.append("  last error: \(error)") }
            return lines
        }
    }
}
