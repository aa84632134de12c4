import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("Schema versions")
    struct SchemaVersionTests {
        private static func document(_ id: Int, version: BSONValue) -> BSONDocument {
            outboxDocument(.integer(id), key: "k\(id)", payload: ["n": .integer(id)])
                .appending("schemaVersion", version)
        }

        @Test("a version travels to the queue's column; a refused one comes back by a retry once it is accepted")
        func queue() async throws {
            let rig = try await Rig()
            let relay = try await rig.streamingRelay(["SOURCE_SCHEMA_VERSIONS": "1-2"])
            try await rig.insert([
                Self.document(1, version: 2), Self.document(2, version: "3"), Self.document(3, version: "1"),
            ])
            try await rig.waitForRows(2)
            try await rig.waitForDeadLetters(1)
            #expect(try await rig.deadLetters().map(\.code) == ["schema-version"])
            #expect(try await relay.command(["dead-letters", "retry", "--all"]).exitCode == 1, "still not accepted")
            await relay.terminate()
            relay.setVariable("SOURCE_SCHEMA_VERSIONS", to: "1-3")
            try await relay.start()
            try await relay.waitUntilStreaming()
            let retried = try await relay.command(["dead-letters", "retry", "--all"])
            #expect(retried.exitCode == 0, "\(retried.output)\(retried.error)")
            let events = try await rig.events()
            #expect(events.map(\.id) == ["1", "3", "2"])
            #expect(events.map(\.schemaVersion) == ["2", "1", "3"])
        }

        @Test("a version travels to the extension of a CloudEvent, by a retry as well")
        func webhook() async throws {
            try await HookRig.with(keeping: 10) { hook in
                let relay = try await hook.streamingRelay(["SOURCE_SCHEMA_VERSIONS": "1-2"])
                try await hook.rig.insert([Self.document(1, version: 2), Self.document(2, version: "3")])
                _ = try await hook.waitForLetters(1, relay)
                try await hook.receiver.waitForAccepted(1)
                #expect(
                    try await relay.command(["dead-letters", "retry", "--all"]).exitCode == 1, "still not accepted")
                await relay.terminate()
                relay.setVariable("SOURCE_SCHEMA_VERSIONS", to: "any")
                try await relay.start()
                try await relay.waitUntilStreaming()
                let retried = try await relay.command(["dead-letters", "retry", "--all"])
                #expect(retried.exitCode == 0, "\(retried.output)\(retried.error)")
                try await hook.receiver.waitForAccepted(2)
                for (id, version) in [("1", "2"), ("2", "3")] {
                    let request = try #require(hook.receiver.requests.last { $0.events.first?.id == id })
                    let body = try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any]
                    #expect(body?["schemaversion"] as? String == version)
                }
            }
        }
    }
}
