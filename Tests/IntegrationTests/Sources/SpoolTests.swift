import RelayMongoDB
import RelayTesting
import Testing

extension Integration.Sources {
    /// A webhook that stays away longer than the oplog reaches.
    @Suite("an outage longer than the oplog", .serialized)
    struct Spool {
        private static func small(_ body: (TestServers, WebhookReceiver) async throws -> Void) async throws {
            try await TestServers.with(mongo: .shortOplog) { servers in
                try await WebhookReceiver.with { try await body(servers, $0) }
            }
        }

        private static func settings(_ receiver: WebhookReceiver) -> [String: String] {
            [
                "SOURCE_KIND": "changes", "SOURCE_COLLECTIONS": "orders", "SOURCE_IMAGES": "none",
                "DESTINATION_URL": receiver.url, "DESTINATION_RETRY_FIRST": "50ms", "DESTINATION_RETRY_MAX": "1s",
            ]
        }

        /// Writes changes, and something else beside them, until the oplog has dropped what it held at the beginning.
        /// - Returns: how many changes.
        private static func write(_ rig: Rig, until isOver: () async throws -> Bool) async throws -> Int {
            let text = BSONValue.string(String(repeating: "x", count: 40_000))
            var count = 0
            try await waiting(for: "the oplog to roll over", within: .seconds(120), every: .milliseconds(100)) {
                try await rig.run([
                    "update": "orders",
                    "updates": [
                        ["q": ["_id": .string("o\(count % 7)")], "u": ["$inc": ["n": 1]], "upsert": true]
                    ],
                ])
                count += 1
                try await rig.insert([["text": text]], into: "filler")
                return count % 10 == 0 ? (try await isOver() ? true : nil) : nil
            }
            return count
        }

        @Test("changes are parked before the oplog drops them, and follow in order", .timeLimit(.minutes(10)))
        func spooled() async throws {
            try await Self.small { servers, receiver in
                let rig = try await Rig(on: servers)
                let relay = try await rig.streamingRelay(Self.settings(receiver))
                try await rig.insert([["_id": "first"]], into: "orders")
                try await receiver.waitForAccepted(1)
                await receiver.down()
                let began = try await rig.run(["ping": 1])["operationTime"]?.timestamp
                let start = try #require(began)
                // Also a relay that begins in the middle of it goes on where the other was.
                var kills = 0
                let count = try await Self.write(rig) {
                    let status = try await relay.status().pipelines[0]
                    if status.spooling == true, kills == 0 {
                        kills += 1
                        await relay.kill()
                        try await relay.start()
                    }
                    guard let oldest = try await rig.oldestInOplog() else { return false }
                    return oldest.seconds > start.seconds + 8
                }
                let status = try await relay.status().pipelines[0]
                #expect(kills == 1 && status.parked ?? 0 > 0 && status.state != "halted", "\(status)")
                try await receiver.up()
                try await receiver.waitForAccepted(count + 1, within: .seconds(60))
                let arrivals = receiver.deliveries().filter { $0.status == 200 }
                var seen: Set<String> = []
                var last: [String: Int64] = [:]
                for delivery in arrivals where seen.insert(delivery.id).inserted {
                    let (key, sequence) = (delivery.key ?? "", delivery.sequence ?? 0)
                    #expect(sequence > last[key, default: 0], "\(key) in order")
                    last[key] = sequence
                }
                #expect(seen.count == count + 1 && last.count == 8)
                try await relay.waitUntilStreaming()
                #expect(try await relay.status().pipelines[0].spooling == false)
                await relay.terminate()
            }
        }

        @Test("a spool that is full halts, names itself and goes on after resume", .timeLimit(.minutes(10)))
        func full() async throws {
            try await Self.small { servers, receiver in
                let rig = try await Rig(on: servers)
                let settings = Self.settings(receiver).merging(["DESTINATION_SPOOL_BYTES": "1MiB"]) { $1 }
                let relay = try await rig.streamingRelay(settings)
                try await rig.insert([["_id": "first"]], into: "orders")
                try await receiver.waitForAccepted(1)
                await receiver.down()
                let text = BSONValue.string(String(repeating: "y", count: 60_000))
                var count = 0
                let halted = try await waiting(
                    for: "a full spool", within: .seconds(120), every: .milliseconds(150)
                ) { () -> String? in
                    try await rig.insert([["_id": .integer(count), "text": text]], into: "orders")
                    count += 1
                    let status = try await relay.status().pipelines[0]
                    return status.state == "halted" ? status.why : nil
                }
                #expect(
                    halted.contains("DESTINATION_SPOOL_BYTES") && halted.contains("outbox-relay resume"), "\(halted)")
                try await receiver.up()
                let resumed = try await relay.command(["resume"])
                #expect(resumed.exitCode == 0, "\(resumed.error)")
                try await receiver.waitForAccepted(count + 1, within: .seconds(60))
                await relay.terminate()
            }
        }
    }
}
