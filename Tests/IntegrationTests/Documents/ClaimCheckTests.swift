import Crypto
import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Claim checks")
    struct ClaimCheckTests {
        private struct Claim: Decodable {
            struct Check: Decodable {
                var database: String
                var collection: String
                var id: String
                var bytes: Int
                var sha256: String
            }
            var claimCheck: Check
        }

        private static let large = String(repeating: "x", count: 3000)
        /// The payload `{"text": "xxx…"}` as it would have been sent.
        private static let json = "{\"text\":\"\(large)\"}"

        private static func expect(_ text: some Sequence<UInt8>, id: String, of rig: Rig, sent: [UInt8]) throws {
            let claim = try JSONDecoder().decode(Claim.self, from: Data(text)).claimCheck
            #expect(claim.database == rig.database && claim.collection == "outbox" && claim.id == id)
            #expect(claim.bytes == sent.count)
            #expect(claim.sha256 == SHA256.hash(data: sent).map { String(format: "%02x", $0) }.joined())
        }

        @Test("to a queue, large payloads go out as references, and retried dead letters too")
        func queue() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(["DESTINATION_CLAIM_CHECK": "2KiB"])
            try await rig.insert([
                outboxDocument(1, payload: ["text": .string(Self.large)]), outboxDocument(2, payload: ["n": 2]),
                ["_id": 3, "kind": "Noted", "payload": ["text": .string(Self.large)]],
            ])
            try await rig.waitForRows(2)
            try await rig.waitForDeadLetters(1)
            await relay.terminate()
            relay.setVariable("SOURCE_FIELD_TYPE", to: "kind")
            try await relay.start()
            try await relay.waitUntilStreaming()
            let retried = try await relay.command(["dead-letters", "retry", "--all"])
            #expect(retried.exitCode == 0, "\(retried.error)")
            let events = try await rig.events()
            #expect(events.map(\.id) == ["1", "2", "3"])
            for event in events where event.id != "2" {
                try Self.expect(event.payload.utf8, id: event.id, of: rig, sent: Array(Self.json.utf8))
                #expect(event.headers.contains("\"outbox-relay-claim-check\": \"true\""))
            }
            #expect(events[1].payload == #"{"n":2}"# && events[1].headers == "{}")
            #expect(events[2].headers.contains("\"outbox-relay-redelivery\": \"retry\""))
        }

        @Test("to a webhook, a binary payload's reference is JSON")
        func webhook() async throws {
            try await HookRig.with(keeping: 10) { hook in
                _ = try await hook.streamingRelay(["DESTINATION_CLAIM_CHECK": "2KiB"])
                let bytes = [UInt8](repeating: 7, count: 2049)
                try await hook.rig.insert([
                    outboxDocument(1, key: "a", payload: .binary(bytes, subtype: 0)),
                    outboxDocument(2, key: "b", payload: ["text": .string(Self.large)]),
                ])
                try await hook.receiver.waitForAccepted(2)
                for (id, sent) in [("1", bytes), ("2", Array(Self.json.utf8))] {
                    let request = try #require(hook.receiver.requests.first { $0.events.first?.id == id })
                    let body = try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any]
                    let data = try #require(body?["data"])
                    try Self.expect(try JSONSerialization.data(withJSONObject: data), id: id, of: hook.rig, sent: sent)
                    #expect(body?["datacontenttype"] as? String == "application/json")
                }
            }
        }
    }
}
