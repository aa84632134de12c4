import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Webhooks {
    @Suite("Damaged documents in the state store")
    struct DamagedParkTests {
        @Test("a parked event of which a part was removed holds up its key and no other, until a person removes it")
        func lostPart() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.events(["0", "1", "2", "3"], .status(500)))
                let relay = try await hook.streamingRelay(["DESTINATION_RETRY_MAX": "200ms"])
                // The first key's event is so large that it is stored in parts.
                try await hook.rig.insert([
                    outboxDocument(
                        .integer(0), key: "k0",
                        payload: ["n": .integer(0), "text": .string(String(repeating: "x", count: 2 << 20))])
                ])
                let others = try await hook.insert(7, keys: 4, from: 1)
                try await relay.waitUntil("parking all") { $0.parkedKeys == 4 && $0.parked == 8 }
                #expect(await relay.terminate() == .code(0))
                try await hook.rig.run([
                    "delete": "outbox_relay_chunks", "deletes": [["q": .document([:]), "limit": 0]],
                ])
                hook.receiver.behave()
                try await relay.start()
                let flowing = others.filter { $0.key != "k0" }
                try await hook.receiver.waitForAccepted(flowing.count)
                try await relay.waitUntil("naming the damage") {
                    $0.parkedKeys == 1 && $0.parked == 2 && $0.breaker == "closed"
                        && $0.lastError?.contains("parts of a large event") == true
                }
                // Its key waits, and new events of other keys pass it.
                let more = try await hook.insert(3, keys: 4, from: 9)
                try await hook.receiver.waitForAccepted(flowing.count + more.count)
                #expect(!hook.receiver.hasAccepted("0") && !hook.receiver.hasAccepted("4"))
                try await hook.rig.run([
                    "delete": "outbox_relay_parked",
                    "deletes": [["q": ["chunks": ["$exists": true]], "limit": 0]],
                ])
                // Looked at again after a minute at the latest; after a restart as well.
                try await hook.receiver.waitForAccepted(flowing.count + more.count + 1, within: .seconds(70))
                #expect(hook.receiver.hasAccepted("4"))
            }
        }
    }
}
