import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("Formats")
    struct FormatTests {
        private static let formats = ["cloudevents", "cloudevents-binary", "cloudevents-batch", "standard", "raw"]
        /// Seed and public key of the published vector.
        private static let signingKey =
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
        private static let publicKey = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

        @Test("every format arrives whole, in order and signed by both secrets", arguments: formats)
        func everyFormat(_ format: String) async throws {
            try await HookRig.with(secrets: [HookRig.secret, Self.publicKey], keeping: 1000) { hook in
                let relay = try hook.relay([
                    "DESTINATION_FORMAT": format, "DESTINATION_SECRET": "\(HookRig.secret) \(Self.signingKey)",
                    "DESTINATION_HEADERS": "X-Tenant: acme\nAuthorization: Basic c2hvcDpvcGVu",
                ])
                // Half of it a backlog, half of it live.
                var committed = try await hook.insert(150)
                try await relay.start()
                try await relay.waitUntilStreaming()
                committed += try await hook.insert(150, from: 150)
                try await hook.expectComplete(committed)
                let requests = hook.receiver.requests
                #expect(requests.allSatisfy { $0.path == "/hook" && $0.method == "POST" })
                #expect(requests.allSatisfy { $0.header("x-tenant") == "acme" })
                #expect(requests.allSatisfy { $0.header("authorization") == "Basic c2hvcDpvcGVu" })
                #expect(requests.allSatisfy { $0.header("user-agent")?.hasPrefix("outbox-relay") == true })
                let type = [
                    "cloudevents": "application/cloudevents+json",
                    "cloudevents-batch": "application/cloudevents-batch+json",
                ][format, default: "application/json"]
                #expect(requests.allSatisfy { $0.header("content-type")?.hasPrefix(type) == true })
                for request in requests {
                    // A batch holds at most one event of a key.
                    let keys = request.events.compactMap(\.key)
                    #expect(Set(keys).count == keys.count)
                    try Self.expectPayload(of: request, format)
                }
                if format == "cloudevents-batch" { #expect(requests.count < 300, "some events came together") }
            }
        }

        /// The payload is the document's, wherever the format puts it.
        private static func expectPayload(of request: ReceivedRequest, _ format: String) throws {
            let body = try JSONSerialization.jsonObject(with: Data(request.body), options: .fragmentsAllowed)
            let whole: [[String: Any]] =
                (body as? [[String: Any]]) ?? (body as? [String: Any]).map { [$0] } ?? []
            #expect(whole.count == request.events.count)
            for (event, object) in zip(request.events, whole) {
                let isBare = format == "raw" || format == "cloudevents-binary"
                let payload = try #require(isBare ? object : object["data"] as? [String: Any])
                #expect(payload["n"] as? Int == Int(event.id))
                #expect(payload["text"] as? String == "Grüße \"😀\"")
                switch format {
                case "cloudevents", "cloudevents-batch":
                    #expect(object["specversion"] as? String == "1.0")
                    #expect(object["type"] as? String == "Noted")
                    #expect(object["subject"] as? String == event.key)
                    #expect(object["topic"] as? String == "order")
                case "cloudevents-binary": #expect(request.header("ce-type") == "Noted")
                case "standard":
                    #expect(object["type"] as? String == "Noted")
                    // What was there before the first start, and says no time itself, has none.
                    let isLive = (Int(event.id) ?? 0) >= 150
                    #expect((object["timestamp"] as? String)?.hasSuffix("Z") == (isLive ? true : nil))
                default: break
                }
            }
        }

        @Test("ids of every kind become a webhook-id that says the same; large and strange payloads pass")
        func documents() async throws {
            try await HookRig.with(keeping: 100) { hook in
                let relay = try await hook.streamingRelay()
                let object = BSONObjectID("65a1b2c3d4e5f60718293a4b")!
                try await hook.rig.insert([
                    outboxDocument(.objectID(object), payload: 1), outboxDocument("a.b/c ü%", key: "k2", payload: 2),
                    outboxDocument(7, key: "", payload: .null),
                    outboxDocument("large", key: "k3", payload: .string(String(repeating: "ä", count: 3_500_000))),
                    outboxDocument("nul", key: "a\0b", payload: ["t": "a\0b"]),
                    outboxDocument("text", key: "k4", payload: "{\"b\": 1,  \"a\": 2}"),
                ])
                try await hook.receiver.waitForAccepted(6)
                let ids = hook.receiver.requests.map(\.id)
                #expect(
                    Set(ids) == [object.description, "a%2Eb%2Fc%20%C3%BC%25", "7", "large", "nul", "text"], "\(ids)")
                let report = hook.receiver.check([])
                #expect(report.malformed.count == 0 && report.signatureFailures.count == 0, "\(report)")
                let large = try #require(hook.receiver.requests.first { $0.id == "large" })
                #expect(large.body.count > 7_000_000)
                let text = try #require(hook.receiver.requests.first { $0.id == "text" })
                #expect(text.text.contains("{\"b\": 1,  \"a\": 2}"), "a payload that is JSON passes unchanged")
                let letters = try await hook.letters(relay)
                #expect(letters.isEmpty, "\(letters)")
            }
        }

        @Test("without a secret nothing is signed, and everything else is the same")
        func unsigned() async throws {
            try await HookRig.with(secrets: [], keeping: 10) { hook in
                _ = try await hook.streamingRelay(without: ["DESTINATION_SECRET"])
                try await hook.expectComplete(try await hook.insert(10))
                #expect(hook.receiver.requests.allSatisfy { $0.header("webhook-signature") == nil })
            }
        }
    }
}
