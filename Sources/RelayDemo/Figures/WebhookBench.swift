import Foundation
import RelayMongoDB
import RelayTesting

/// The measurements of webhooks, each with a database and a relay of its own.
struct WebhookBench: Sendable {
    let servers: TestServers
    let screen: Screen
    let nginx: NginxServer

    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    /// One request as the relay sends it for the documents of these measurements.
    func sample() async throws -> ReceivedRequest {
        let receiver = try await WebhookReceiver.start(secrets: [Self.secret], keeping: 1)
        _ = try await drained(1, to: receiver.url) { receiver.accepted }
        await receiver.stop()
        guard let request = receiver.requests.first else { throw TestingError("the relay sent no request") }
        screen.line(
            "a request: \(request.body.count) bytes of body, \(request.headers.count) headers, one signature")
        return request
    }

    /// Relay and bare loop in turn, with so many attempts in flight.
    func compare(_ count: Int, inFlight: Int, rounds: Int, sample: ReceivedRequest) async throws {
        var ratios: [Double] = []
        for round in 0..<rounds {
            let loop = BareLoop(url: nginx.url, sample: sample)
            let options = ["DESTINATION_CONCURRENCY": "\(inFlight)"]
            // In turn first and second: neither gains by what the machine does meanwhile.
            var (bare, own) = (0.0, 0.0)
            for isOwn in round % 2 == 0 ? [false, true] : [true, false] {
                if isOwn {
                    own = try await drained(count, to: nginx.url, options, counting: nginx.requests).rate
                } else {
                    bare = try await loop.run(count, inFlight: inFlight)
                }
            }
            ratios.append(own / bare)
            screen.line(
                "\(inFlight) in flight: relay \(Screen.decimal(own)) requests/s, bare loop \(Screen.decimal(bare)), ratio \(Screen.decimal(own / bare, 2))"
            )
        }
        ratios.sort()
        screen.line(
            "\(inFlight) in flight: ratio to the bare loop, median of \(rounds): \(Screen.decimal(ratios[rounds / 2], 2))"
        )
    }

    /// What wrk makes of the same request, where it is installed.
    func wrk(_ sample: ReceivedRequest) async throws {
        guard let program = NginxServer.program("wrk") else { return screen.line("wrk is not installed") }
        let script = servers.folder.path("wrk.lua")
        let headers = sample.headers.filter { !["host", "content-length"].contains($0.name.lowercased()) }
            .map { "wrk.headers[\"\($0.name)\"] = \"\($0.value)\"" }
        let text = ["wrk.method = \"POST\"", "wrk.body = [==[\(sample.text)]==]"] + headers
        try text.joined(separator: "\n").write(toFile: script, atomically: true, encoding: .utf8)
        for inFlight in [1, 32, 256] {
            let result = try await Command.run(
                program, ["-t", "1", "-c", "\(inFlight)", "-d", "3s", "-s", script, nginx.url], within: .seconds(30))
            let line = result.output.split(separator: "\n").first { $0.hasPrefix("Requests/sec:") }
            guard let rate = line?.split(separator: " ").last.flatMap({ Double($0) }) else {
                throw TestingError("wrk told no rate: \(result.output)\(result.error)")
            }
            screen.line("\(inFlight) in flight: wrk \(Screen.decimal(rate)) requests/s")
        }
    }

    /// One at a time and 32 at a time, to a receiver that takes 5 ms for each.
    func slowReceiver() async throws {
        let receiver = try await WebhookReceiver.start(secrets: [Self.secret])
        receiver.behave(.always(.late(.milliseconds(5))))
        var rates: [Double] = []
        for (inFlight, count) in [(1, 1000), (32, 20_000)] {
            let before = receiver.accepted
            rates.append(
                try await drained(count, to: receiver.url, ["DESTINATION_CONCURRENCY": "\(inFlight)"]) {
                    receiver.accepted - before
                }.rate)
        }
        await receiver.stop()
        screen.line(
            "a receiver that takes 5 ms: one at a time \(Screen.decimal(rates[0])) requests/s, 32 in flight \(Screen.decimal(rates[1])), \(Screen.decimal(rates[1] / rates[0], 1)) times as many"
        )
    }

    /// Events a second in batches.
    func batches(_ count: Int) async throws {
        let before = try await nginx.requests()
        let result = try await drained(count, to: nginx.url, ["DESTINATION_FORMAT": "cloudevents-batch"])
        let requests = try await nginx.requests() - before
        screen.line(
            "cloudevents-batch: \(Screen.decimal(result.rate)) events/s in \(Screen.count(requests)) requests, \(result.memory)"
        )
    }

    /// One destination alone, and beside one that is dead for the whole run.
    func besideDead(_ count: Int, rounds: Int) async throws {
        let hanging = try await WebhookReceiver.start()
        hanging.behave(.always(.hang))
        let dead = try FreePort.next()
        for (kind, url) in [("refuses connections", "http://127.0.0.1:\(dead)/"), ("never answers", hanging.url)] {
            var ratios: [Double] = []
            for round in 0..<rounds {
                var results: [Bool: Drain] = [:]
                for isBeside in round % 2 == 0 ? [false, true] : [true, false] {
                    results[isBeside] = try await drained(
                        count, to: nginx.url, beside: isBeside ? url : nil, counting: nginx.requests)
                }
                guard let alone = results[false], let beside = results[true] else { continue }
                ratios.append(beside.rate / alone.rate)
                screen.line(
                    "beside a destination that \(kind): \(Screen.decimal(beside.rate)) requests/s, alone \(Screen.decimal(alone.rate)), ratio \(Screen.decimal(beside.rate / alone.rate, 2)); \(beside.memory), alone \(alone.memory)"
                )
            }
            ratios.sort()
            screen.line(
                "beside a destination that \(kind): ratio, median of \(rounds): \(Screen.decimal(ratios[rounds / 2], 2))"
            )
        }
        await hanging.stop()
    }

    // MARK: - Pieces

    /// How a backlog was delivered.
    private struct Drain {
        /// Events a second from the first to the last.
        var rate: Double
        /// The most memory in RAM by the time that half of it was delivered, and in all, in bytes.
        var half: Int
        var peak: Int

        var memory: String {
            let (half, peak) = (Double(half) / 1_048_576, Double(peak) / 1_048_576)
            return "\(Screen.decimal(half, 1)) MiB resident at half, \(Screen.decimal(peak, 1)) at most"
        }
    }

    /// Delivers a backlog.
    /// - Parameters:
    ///   - beside: a second destination.
    ///   - counting: who counts what has arrived; the relay itself when nil.
    private func drained(
        _ count: Int, to url: String, beside: String? = nil, _ more: [String: String] = [:],
        counting: (() async throws -> Int)? = nil
    ) async throws -> Drain {
        let name = servers.uniqueName("hook")
        try await Outbox(uri: servers.mongo.uri(), database: name).load(count: count, bytes: 400)
        var variables = [
            "MONGODB_URI": servers.mongo.uri(database: name), "RELAY_LEASE_TTL": "2s",
            "DESTINATIONS": beside == nil ? "first" : "first,second", "DESTINATION_FIRST_URL": url,
            "DESTINATION_FIRST_SECRET": Self.secret,
        ]
        variables["DESTINATION_SECOND_URL"] = beside
        for (option, value) in more {
            variables[option.replacing("DESTINATION_", with: "DESTINATION_FIRST_", maxReplacements: 1)] = value
        }
        let relay = try RelayProcess(folder: servers.folder, environment: variables)
        let before = try await counting?() ?? 0
        try await relay.start()
        var half = 0
        let rate = try await Self.rate(of: count) {
            let arrived =
                if let counting { try await counting() - before } else {
                    Int(try await relay.status().pipelines.first { $0.destination == "first" }?.eventsDelivered ?? 0)
                }
            if arrived <= count / 2 { half = relay.peakResidentBytes ?? 0 }
            return arrived
        }
        let peak = relay.peakResidentBytes ?? 0
        let end = await relay.terminate()
        guard end == .code(0) else { throw TestingError("the relay ended with \(end.map { "\($0)" } ?? "nothing")") }
        _ = try await servers.mongo.run(["dropDatabase": 1], on: name)
        return Drain(rate: rate, half: half, peak: peak)
    }

    /// Events a second from the first that is seen to the last.
    private static func rate(of count: Int, _ arrived: () async throws -> Int) async throws -> Double {
        var first: (count: Int, at: ContinuousClock.Instant)?
        let end = ContinuousClock.now + .seconds(300)
        while ContinuousClock.now < end {
            let now = (try? await arrived()) ?? 0
            let at = ContinuousClock.now
            if now >= count {
                guard let first, first.count < count else { return .infinity }
                return Double(count - first.count) / (first.at.duration(to: at) / .seconds(1))
            }
            if first == nil, now > 0 { first = (now, at) }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw TestingError("\(count) events were not delivered within 300 s")
    }
}
