import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    /// Webhooks: the real relay between a real MongoDB and a receiver that verifies everything.
    @Suite("Webhooks")
    enum Webhooks {}
}

/// One test's own database and receiver, and relays between the two.
struct HookRig: Sendable {
    let rig: Rig
    let receiver: WebhookReceiver

    /// What requests are signed with, unless a test says otherwise.
    static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    /// Makes both for `body`, and ends the receiver afterwards.
    static func with<Answer: Sendable>(
        secrets: [String] = [secret], keeping: Int = 0, _ body: (HookRig) async throws -> Answer
    ) async throws -> Answer {
        let rig = try await Rig()
        return try await WebhookReceiver.with(secrets: secrets, keeping: keeping) { receiver in
            try await body(HookRig(rig: rig, receiver: receiver))
        }
    }

    /// For relays that are killed: the next one gets the lease soon. On a busy machine a relay may lose so short a lease,
    /// and then delivers again what was in flight, so other tests have a longer one.
    static let shortLease = ["RELAY_LEASE_TTL": "1s"]

    /// What a relay to the receiver needs, with `more` on top. Retries come soon, so that tests do.
    func environment(_ more: [String: String] = [:]) -> [String: String] {
        rig.environment([
            "DESTINATION_URL": receiver.url, "DESTINATION_SECRET": Self.secret, "DESTINATION_RETRY_FIRST": "50ms",
            "DESTINATION_RETRY_MAX": "400ms", "DESTINATION_TIMEOUT": "5s", "RELAY_LEASE_TTL": "15s",
        ]).merging(more) { $1 }
    }

    /// A relay that does not run yet.
    func relay(_ more: [String: String] = [:], without names: [String] = []) throws -> RelayProcess {
        try rig.relayWithout(names, environment(more))
    }

    /// A relay that is level with the outbox.
    func streamingRelay(_ more: [String: String] = [:], without names: [String] = []) async throws -> RelayProcess {
        let relay = try relay(more, without: names)
        try await relay.start()
        try await relay.waitUntilStreaming()
        return relay
    }

    /// A relay with one destination for each of `paths` at this receiver, and the same options for all.
    func several(_ names: [String], _ more: [String: String] = [:]) throws -> RelayProcess {
        var variables = more
        variables["DESTINATIONS"] = names.joined(separator: ",")
        for name in names {
            let prefix = "DESTINATION_\(name.uppercased())_"
            variables["\(prefix)URL"] = variables["\(prefix)URL"] ?? receiver.url
            if variables["\(prefix)URL"]?.hasPrefix("http") == true { variables["\(prefix)SECRET"] = Self.secret }
        }
        return try relay(variables, without: ["DESTINATION_URL", "DESTINATION_SECRET"])
    }

    /// Inserts events with the ids `from`, `from` + 1 … over so many keys in turn, in that order.
    /// - Returns: what has to arrive.
    @discardableResult
    func insert(_ count: Int, keys: Int = 10, from: Int = 0, type: String = "Noted") async throws -> [CommittedEvent] {
        let numbers = from..<from + count
        try await rig.insert(
            numbers.map { number in
                outboxDocument(
                    .integer(number), key: "k\(number % keys)", type: type,
                    payload: ["n": .integer(number), "text": "Grüße \"😀\""])
            })
        return numbers.map { CommittedEvent(id: "\($0)", key: "k\($0 % keys)", n: $0 / keys + 1) }
    }

    /// Waits until everything in `committed` but `lacking` events is accepted, and a moment for what should not come;
    /// then compares.
    @discardableResult
    func expectComplete(
        _ committed: [CommittedEvent], deadLettered: Set<String> = [], ordered: Bool = true, repeats: Int = 0,
        within limit: Duration = .seconds(30), sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> WebhookReport {
        try await receiver.waitForAccepted(committed.count - deadLettered.count, within: limit)
        try await Task.sleep(for: .milliseconds(200))
        let report = receiver.check(committed, deadLettered: deadLettered, ordered: ordered)
        #expect(report.isComplete, "\(report)", sourceLocation: sourceLocation)
        #expect(report.repeats <= repeats, "\(report)", sourceLocation: sourceLocation)
        return report
    }

    /// The dead letters that wait, or all, as `dead-letters list` shows them: newest first.
    func letters(_ relay: RelayProcess, all: Bool = false, destination: String = "default") async throws -> [HookLetter]
    {
        let answer = try await relay.command(
            ["dead-letters", "list", "--json", "--limit", "100000", "--destination", destination]
                + (all ? ["--all"] : []))
        guard answer.exitCode == 0 else { throw TestingError("dead-letters list failed: \(answer.error)") }
        return try JSONDecoder().decode([HookLetter].self, from: Data(answer.output.utf8))
    }

    /// Waits until so many dead letters wait.
    func waitForLetters(_ count: Int, _ relay: RelayProcess, within limit: Duration = .seconds(30)) async throws
        -> [HookLetter]
    {
        try await waiting(for: "\(count) dead letters", within: limit, every: .milliseconds(100)) {
            let letters = try await letters(relay)
            return letters.count >= count ? letters : nil
        }
    }
}

/// A dead letter, as far as these tests read it.
struct HookLetter: Decodable, Sendable {
    var id: Int
    var eventID: String?
    var type: String?
    var key: String?
    var reasonCode: String
    var reason: String
    var attempts: Int
    var state: String
    var status: Int?
    var answer: String?
}
