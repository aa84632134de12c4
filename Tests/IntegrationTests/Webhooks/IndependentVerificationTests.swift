import AsyncHTTPClient
import Foundation
import NIOCore
import RelayCore
import Testing

@testable import RelayTesting
@testable import RelayWebhook

extension Integration.Webhooks {
    /// Thousands of deliveries in every format, verified by libraries that the relay is not made of.
    @Suite("Independent verification")
    struct IndependentVerificationTests {
        /// Two shared secrets, as while one is replaced, and a signing key.
        private static let secrets = [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
        ]
        private static let publicSecrets = secrets.dropLast() + ["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="]
        private static let workers = 16

        private static var deliveries: Int {
            ProcessInfo.processInfo.environment["OUTBOX_RELAY_SOAK"] == "1" ? 20_000 : 2000
        }

        private static func encoder(_ format: WebhookOptions.Format, compresses: Bool) throws -> MessageEncoder {
            var options = WebhookOptions(
                destination: "billing", pipeline: "shop", url: "http://127.0.0.1/", eventSource: VerifiedEvents.source)
            options.format = format
            options.secrets = secrets
            options.compresses = compresses
            options.version = "1.0.0"
            return try MessageEncoder(options)
        }

        /// One request, to be posted in its turn.
        private struct Delivery: Sendable {
            var events: [EventReference]
            var redelivery: String?
            var isAgain = false
        }

        @Test("every delivery in every format is what receivers' libraries want", .timeLimit(.minutes(10)))
        func deliveries() async throws {
            let folder = try await TestFolder()
            defer { folder.remove() }
            // A quarter goes out compressed.
            let parts = WebhookOptions.Format.allCases.flatMap { [($0, false, 3), ($0, true, 1)] }
            var source = VerifiedEvents()
            var lines = Data()
            var plan: [(encoder: MessageEncoder, format: String, queues: [[Delivery]])] = []
            var again = 0
            for (format, compresses, share) in parts {
                let count = Self.deliveries * share / 20
                let perRequest = format == .cloudeventsBatch ? 5 : 1
                let items = try source.make(
                    count * perRequest, keys: 40 * perRequest, named: "\(format.rawValue)\(compresses ? "-gzip" : "")")
                for item in items { lines += item.line + [UInt8(ascii: "\n")] }
                let queues = Self.queues(items, perRequest: perRequest, requests: count)
                again += queues.joined().filter(\.isAgain).reduce(0) { $0 + $1.events.count }
                plan.append((try Self.encoder(format, compresses: compresses), format.rawValue, queues))
            }
            let expected = folder.path("expected.jsonl")
            try lines.write(to: URL(fileURLWithPath: expected))

            let receiver = try await Self.receiver(in: folder, expected: expected)
            let start = ContinuousClock.now
            let client = HTTPClient(eventLoopGroupProvider: .singleton)
            try await Self.closing(client) {
                for part in plan {
                    try await withThrowingTaskGroup { group in
                        for queue in part.queues {
                            group.addTask {
                                for delivery in queue {
                                    let message = try part.encoder.encode(
                                        delivery.events, redelivery: delivery.redelivery, at: Self.now)
                                    _ = try await Self.post(message, to: receiver.url(part.format), by: client)
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
            }
            let summary = try await receiver.finish()
            let requests = plan.reduce(0) { $0 + $1.queues.joined().count }
            print(
                "\(summary.verified) of \(requests) deliveries verified in \(start.duration(to: .now)); "
                    + "JSON schema of CloudEvents: \(summary.schema), \(summary.schemaChecks) events")
            #expect(summary.failed == 0, "\(summary.reasons)")
            #expect(summary.verified == requests && summary.requests == requests)
            #expect(requests >= Self.deliveries)
            for part in WebhookOptions.Format.allCases {
                #expect(summary.formats[part.rawValue, default: 0] >= Self.deliveries / 5)
            }
            #expect(summary.events == lines.split(separator: UInt8(ascii: "\n")).count)
            #expect(summary.orderErrors == 0, "\(summary.firstOrderErrors)")
            #expect(summary.duplicates == again && again > 0)
            #expect(summary.redeliveries > 0)
            #expect(summary.compressed > Self.deliveries / 40)
            #expect(summary.alteredRefused == requests / 20)
            #expect((summary.schemaChecks > 0) == (PythonReceiver.schema != nil))
        }

        @Test("the receiver finds what is wrong with a delivery", .timeLimit(.minutes(10)))
        func wrongs() async throws {
            let folder = try await TestFolder()
            defer { folder.remove() }
            var source = VerifiedEvents()
            let items = try source.make(60, keys: 5, named: "wrong")
            let expected = folder.path("expected.jsonl")
            // All but the last are known to it.
            try Data(items.dropLast().flatMap { $0.line + [UInt8(ascii: "\n")] }).write(
                to: URL(fileURLWithPath: expected))
            let receiver = try await Self.receiver(in: folder, expected: expected)
            let client = HTTPClient(eventLoopGroupProvider: .singleton)
            let structured = try Self.encoder(.cloudevents, compresses: false)
            let binary = try Self.encoder(.cloudeventsBinary, compresses: false)
            var options = WebhookOptions(destination: "", pipeline: "", url: "", eventSource: "/other")
            options.secrets = Self.secrets
            options.version = "1"
            let elsewhere = try MessageEncoder(options)

            // What is done to a message, and what the receiver must say of it.
            typealias Change = (inout WebhookMessage) -> Void
            let changes: [(MessageEncoder, String, String, Change)] = [
                (structured, "cloudevents", "No matching signature", { $0.body.setInteger(UInt8(ascii: " "), at: 0) }),
                (
                    structured, "cloudevents", "No matching signature",
                    {
                        $0.headers.replaceOrAdd(name: "webhook-id", value: "other")
                    }
                ),
                (
                    structured, "cloudevents", "webhook-timestamp",
                    {
                        $0.headers.replaceOrAdd(name: "webhook-timestamp", value: "\(Self.now - 400)")
                    }
                ),
                (structured, "cloudevents", "webhook-signature", { $0.headers.remove(name: "webhook-signature") }),
                (
                    structured, "cloudevents", "signatures",
                    { message in
                        let first = message.headers.first(name: "webhook-signature")!.split(separator: " ")[0]
                        message.headers.replaceOrAdd(name: "webhook-signature", value: String(first))
                    }
                ),
                (
                    structured, "cloudevents", "v1a",
                    { message in
                        var parts = message.headers.first(name: "webhook-signature")!.split(separator: " ").map(
                            String.init)
                        parts[2] = "v1a,\(Data(count: 64).base64EncodedString())"
                        message.headers.replaceOrAdd(name: "webhook-signature", value: parts.joined(separator: " "))
                    }
                ),
                (
                    structured, "cloudevents", "content type",
                    {
                        $0.headers.replaceOrAdd(name: "content-type", value: "application/json")
                    }
                ),
                (structured, "cloudevents-batch", "content type", { _ in }),
                (structured, "cloudevents", "twice", { $0.headers.add(name: "webhook-id", value: "a") }),
                (structured, "cloudevents", "gzip", { $0.headers.add(name: "content-encoding", value: "gzip") }),
                (
                    structured, "cloudevents", "redelivery",
                    {
                        $0.headers.add(name: "outbox-relay-redelivery", value: "why not")
                    }
                ),
                (structured, "elsewhere", "no such format", { _ in }),
                (elsewhere, "cloudevents", "the source /other", { _ in }),
                (binary, "cloudevents-binary", "'source'", { $0.headers.remove(name: "ce-source") }),
                (
                    binary, "cloudevents-binary", "altered: type",
                    {
                        $0.headers.replaceOrAdd(name: "ce-type", value: "Other")
                    }
                ),
                (
                    binary, "cloudevents-binary", "percent-encoded",
                    {
                        $0.headers.replaceOrAdd(name: "ce-type", value: "a b")
                    }
                ),
                (binary, "cloudevents-binary", "unknown attributes", { $0.headers.add(name: "ce-extra", value: "1") }),
                (
                    binary, "cloudevents-binary", "datacontenttype",
                    {
                        $0.headers.add(name: "ce-datacontenttype", value: "application/json")
                    }
                ),
                (
                    binary, "cloudevents-binary", "sequence",
                    { $0.headers.replaceOrAdd(name: "ce-sequence", value: "7") }
                ),
            ]
            try await Self.closing(client) {
                for (index, (encoder, path, reason, change)) in changes.enumerated() {
                    var message = try encoder.encode([items[index].event], redelivery: nil, at: Self.now)
                    change(&message)
                    let answer = try await Self.post(message, to: receiver.url(path), by: client)
                    #expect(answer?.contains(reason) == true, "\(reason): \(answer ?? "accepted")")
                }
                // An event that nobody meant, and a batch in the wrong order.
                let unknown = try structured.encode([items[59].event], redelivery: nil, at: Self.now)
                let answer = try await Self.post(unknown, to: receiver.url("cloudevents"), by: client)
                #expect(answer?.contains("nobody sent") == true)
                let keyed = items[30..<59].filter { item in items[30..<59].filter { $0.key == item.key }.count > 1 }
                let key = try #require(keyed.first { !$0.key.isEmpty }).key
                for item in items[30..<59].filter({ $0.key == key }).prefix(2).reversed() {
                    let message = try structured.encode([item.event], redelivery: nil, at: Self.now)
                    #expect(try await Self.post(message, to: receiver.url("cloudevents"), by: client) == nil)
                }
            }
            let summary = try await receiver.finish()
            #expect(summary.failed == changes.count + 1 && summary.verified == 2)
            #expect(summary.orderErrors == 1)
        }

        // MARK: - Pieces

        private static var now: Int64 { Int64(Date().timeIntervalSince1970) }

        /// Every key has its queue, so that its events go out one after another. In a batch no key comes twice.
        private static func queues(_ items: [VerifiedEvents.Item], perRequest: Int, requests: Int) -> [[Delivery]] {
            var numbers: [String: Int] = [:]
            var shares = [[VerifiedEvents.Item]](repeating: [], count: workers)
            for (index, item) in items.enumerated() {
                let number = item.key.isEmpty ? index : numbers[item.key, default: numbers.count]
                if !item.key.isEmpty { numbers[item.key] = number }
                shares[number % workers].append(item)
            }
            return shares.map { share in
                var queue: [Delivery] = []
                var open: [VerifiedEvents.Item] = []
                func close() {
                    guard !open.isEmpty else { return }
                    var delivery = Delivery(events: open.map(\.event))
                    open = []
                    if queue.count % 20 == 7 { delivery.redelivery = "retry" }
                    queue.append(delivery)
                    guard queue.count % 20 == 13 else { return }
                    // As after an answer that was lost.
                    delivery.isAgain = true
                    queue.append(delivery)
                }
                for item in share {
                    if open.count == perRequest || open.contains(where: { $0.key == item.key && !item.key.isEmpty }) {
                        close()
                    }
                    open.append(item)
                }
                close()
                return queue
            }
        }

        private static func receiver(in folder: TestFolder, expected: String) async throws -> PythonReceiver {
            do {
                return try await PythonReceiver.start(
                    in: folder, secrets: Array(publicSecrets), source: VerifiedEvents.source, expected: expected)
            } catch let error as PythonReceiver.Unavailable {
                try Test.cancel("The packages that verify webhooks could not be installed: \(error.reason)")
            }
        }

        /// Posts a message; returns what the receiver has against it, nil for nothing.
        private static func post(
            _ message: WebhookMessage, to url: String, by client: HTTPClient
        ) async throws -> String? {
            var request = HTTPClientRequest(url: url)
            request.method = .POST
            request.headers = message.headers
            request.body = .bytes(message.body)
            let response = try await client.execute(request, timeout: .seconds(60))
            let answer = try await response.body.collect(upTo: 1 << 20)
            return response.status == .noContent ? nil : "\(response.status.code) \(String(buffer: answer))"
        }

        private static func closing(_ client: HTTPClient, _ body: () async throws -> Void) async throws {
            do {
                try await body()
            } catch {
                try? await client.shutdown()
                throw error
            }
            try await client.shutdown()
        }
    }
}
