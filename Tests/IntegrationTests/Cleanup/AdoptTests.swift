import Foundation
import RelayMongoDB
import RelayTesting
import Testing

extension Integration {
    @Suite("adopt")
    struct AdoptTests {
        @Test("a queue's pipeline under a new name: positions go on, nothing comes twice")
        func queue() async throws {
            let rig = try await Rig()
            let old = try await rig.streamingRelay(["RELAY_NAME": "before"])
            try await rig.insert((0..<50).map { outboxDocument(.integer($0), payload: 1) } + [["_id": "poison"]])
            try await rig.waitForRows(50)
            try await rig.waitForDeadLetters(1)
            let new = ["RELAY_NAME": "after"]
            let held = try await rig.command(["adopt", "before/default", "default"], new)
            #expect(held.exitCode == 1 && held.error.contains("holds the lease"), "\(held.error)")
            await old.terminate()
            try await rig.insert((50..<60).map { outboxDocument(.integer($0), payload: 1) })

            let unknown = try await rig.command(["adopt", "nobody/default", "default"], new)
            #expect(unknown.exitCode == 1 && unknown.error.contains("there is no pipeline nobody/default"))
            #expect(try await rig.command(["adopt", "before/default", "other"], new).exitCode == 64)
            let done = try await rig.command(["adopt", "before/default", "default", "--json"], new)
            #expect(done.exitCode == 0 && done.output.contains("after/default"), "\(done.output)\(done.error)")
            let relay = try await rig.streamingRelay(new)
            try await rig.waitForRows(60)
            let events = try await rig.events()
            #expect(events.map(\.id) == (0..<60).map { "\($0)" })
            #expect(events.map(\.position) == Array(1...60) && Set(events.map(\.stream)).count == 1)
            #expect(
                try await rig.value("SELECT string_agg(DISTINCT pipeline, ',') FROM outbox_relay.dead_letters")
                    == "after/default")
            #expect(try await rig.registered() == ["after/default"])
            await relay.terminate()
            // The new name has delivered: another cannot become it.
            let third = try await rig.streamingRelay(["RELAY_NAME": "third"])
            await third.terminate()
            let refused = try await rig.command(["adopt", "third/default", "default"], new)
            #expect(refused.exitCode == 1 && refused.error.contains("has delivered events already"), "\(refused.error)")
        }

        @Test("a webhook's pipeline under a new name: checkpoint, parked events and dead letters go along")
        func webhook() async throws {
            try await HookRig.with { hook in
                hook.receiver.behave(.key("k1", .status(500)), .key("k2", .status(422)))
                let old = try await hook.streamingRelay([
                    "RELAY_NAME": "before", "DESTINATION_RETRY_MAX": "1h", "DESTINATION_RETRY_FIRST": "30m",
                ])
                try await hook.insert(30, keys: 3)
                try await old.waitUntil("parking one key and giving up another") {
                    $0.parked == 10 && $0.deadLetters == 10
                }
                try await hook.receiver.waitForAccepted(10, within: .seconds(20))
                let held = try await old.command(["adopt", "before/default", "default"])
                #expect(held.exitCode == 64, "it would adopt itself")
                await old.terminate()
                let new = try hook.relay(["RELAY_NAME": "after"])
                let done = try await new.command(["adopt", "before/default", "default"])
                #expect(done.exitCode == 0, "\(done.output)\(done.error)")
                hook.receiver.behave(.status(200))
                try await new.start()
                try await new.waitUntilStreaming()
                try await new.waitUntil("having all of it") { $0.parked == 10 && $0.deadLetters == 10 }
                let letters = try await hook.letters(new)
                #expect(letters.count == 10)
                try await hook.insert(30, keys: 3, from: 30)
                // Of the new ones those of the parked key wait behind it.
                try await hook.receiver.waitForAccepted(30, within: .seconds(20))
                try await new.waitUntil("parking what comes behind") { $0.parked == 20 }
                #expect(try await hook.rig.registered() == ["after/default"])
                for name in ["checkpoints", "parked", "parked_keys", "dead_letters", "start"] {
                    let ids = try await hook.rig.find("outbox_relay_\(name)", sort: ["_id": 1], projection: ["_id": 1])
                    let names = ids.compactMap { $0["_id"]?.string ?? $0[path: "_id.p"]?.string }
                    #expect(Set(names) == ["after/default"], "\(name)")
                }
            }
        }
    }
}

extension Rig {
    /// The pipelines in the registry.
    func registered() async throws -> [String] {
        try await find("outbox_relay_pipelines", sort: ["_id": 1]).compactMap { $0[path: "_id.pipeline"]?.string }
    }
}
