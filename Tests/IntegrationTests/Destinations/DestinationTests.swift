import RelayMongoDB
import RelayPostgreSQL
import RelayTesting
import Testing

extension Integration {
    @Suite("Destinations")
    struct DestinationTests {
        @Test("payload columns: json keeps the text, jsonb refuses some of it, bytea keeps bytes")
        func payloadTypes() async throws {
            let rig = try await Rig()
            let names = ["text", "binary", "bytes"]
            let types = ["json", "jsonb", "bytea"]
            var variables = ["DESTINATIONS": names.joined(separator: ",")]
            for (name, type) in zip(names, types) {
                variables["DESTINATION_\(name.uppercased())_URL"] = rig.url
                variables["DESTINATION_\(name.uppercased())_SCHEMA"] = "q_\(name)"
                variables["DESTINATION_\(name.uppercased())_PAYLOAD_TYPE"] = type
            }
            let relay = try rig.relayWithout(["DESTINATION_URL"], variables)
            try await relay.start()
            try await relay.waitUntilStreaming()
            try await rig.insert([
                outboxDocument(1, payload: "{\"b\": 1,  \"a\": 2, \"b\": 3}"),
                outboxDocument(2, payload: ["text": "a\0b"]),
                outboxDocument(3, payload: "{\"lone\":\"\\ud800\"}"),
                outboxDocument(4, payload: .binary([0xDE, 0xAD, 0, 0xFF], subtype: 0)),
            ])
            for (name, count) in zip(names, [4, 2, 4]) {
                try await QueueChecker(url: rig.url, schema: "q_\(name)").waitForRows(count, within: .seconds(30))
            }
            let text = try await rig.events(schema: "q_text")
            #expect(text[0].payload == "{\"b\": 1,  \"a\": 2, \"b\": 3}")
            #expect(text[1].payload == "{\"text\":\"a\\u0000b\"}")
            #expect(text[3].payload == "\"3q0A/w==\"")
            #expect(try await rig.events(schema: "q_binary").map(\.id) == ["1", "4"])
            #expect(try await rig.events(schema: "q_binary")[0].payload == "{\"a\": 2, \"b\": 3}")
            let bytes = try await rig.value("SELECT encode(payload, 'hex') FROM q_bytes.events WHERE event_id = '4'")
            #expect(bytes == "dead00ff")
            let letters = try await rig.sql("SELECT event_id, reason_code FROM q_binary.dead_letters ORDER BY id").rows
            #expect(letters == [["2", "unstorable"], ["3", "unstorable"]])
            #expect(try await rig.value("SELECT count(*) FROM q_text.dead_letters") == "0")
        }

        @Test("topics and types: what matches neither is settled, in its destination only")
        func filters() async throws {
            let rig = try await Rig()
            let relay = try rig.relayWithout(
                ["DESTINATION_URL"],
                [
                    "DESTINATIONS": "all,orders,paid", "DESTINATION_ALL_URL": rig.url,
                    "DESTINATION_ALL_SCHEMA": "q_all",
                    "DESTINATION_ORDERS_URL": rig.url, "DESTINATION_ORDERS_SCHEMA": "q_orders",
                    "DESTINATION_ORDERS_TOPICS": "order,cart*", "DESTINATION_PAID_URL": rig.url,
                    "DESTINATION_PAID_SCHEMA": "q_paid", "DESTINATION_PAID_TYPES": "*Paid",
                ])
            try await relay.start()
            try await relay.waitUntilStreaming()
            let kinds = [("order", "Placed"), ("order", "OrderPaid"), ("carts", "Paid"), ("user", "Joined")]
            try await rig.insert(
                (0..<40).map { outboxDocument(.integer($0), type: kinds[$0 % 4].1, topic: kinds[$0 % 4].0, payload: 1) }
            )
            for (schema, count) in [("q_all", 40), ("q_orders", 30), ("q_paid", 20)] {
                try await QueueChecker(url: rig.url, schema: schema).waitForRows(count, within: .seconds(30))
                let events = try await rig.events(schema: schema)
                #expect(events.count == count)
                #expect(events.map(\.position) == Array(1...count), "positions are dense whatever was filtered")
            }
            #expect(try await rig.events(schema: "q_paid").allSatisfy { $0.type.hasSuffix("Paid") })
            try await relay.waitUntil("counting", destination: "paid") { $0.eventsFiltered == 20 }
            // Filtered is settled: nothing comes back after a kill.
            await relay.kill()
            try await relay.start()
            try await relay.waitUntilStreaming()
            try await Task.sleep(for: .milliseconds(500))
            #expect(try await rig.events(schema: "q_orders").count == 30)
        }

        @Test("two relays into one queue: each its own stream, starting at once on an empty database")
        func twoRelays() async throws {
            let rig = try await Rig()
            try await rig.insert((0..<300).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
            let relays = try ["one", "two"].map { try rig.relay(["RELAY_NAME": $0]) }
            for relay in relays { try await relay.start() }
            for relay in relays { try await relay.waitUntilStreaming() }
            try await rig.waitForRows(600)
            let events = try await rig.events()
            let streams = Set(events.map(\.stream))
            #expect(streams.count == 2)
            for stream in streams {
                let own = events.filter { $0.stream == stream }
                #expect(own.map(\.position) == Array(1...300))
                #expect(own.map(\.id) == (0..<300).map { "\($0)" })
            }
            let pipelines = try await rig.sql("SELECT pipeline FROM outbox_relay.streams ORDER BY 1").rows.map { $0[0] }
            #expect(pipelines == ["one/default", "two/default"])
        }

        @Test("one configuration started twice at once: one leads, one stands by, all comes once")
        func startedTwice() async throws {
            let rig = try await Rig()
            try await rig.insert((0..<300).map { outboxDocument(.integer($0), payload: ["n": .integer($0)]) })
            let relays = try [rig.relay(), rig.relay()]
            for relay in relays { try await relay.start() }
            try await rig.waitForRows(300)
            var roles: [String] = []
            for relay in relays {
                try await relay.waitUntilReady()
                try await relay.waitUntil("knowing its role") {
                    $0.role == "leader" || $0.why?.contains("standing by") == true
                }
                roles.append(try await rig.status(of: relay).role)
            }
            #expect(roles.sorted() == ["leader", "standby"])
            #expect(try await rig.events().map(\.id) == (0..<300).map { "\($0)" })
        }
    }
}

extension Rig {
    /// A relay without some of the usual variables.
    func relayWithout(_ names: [String], _ more: [String: String]) throws -> RelayProcess {
        let relay = try relay(more)
        for name in names { relay.setVariable(name, to: nil) }
        return relay
    }
}
