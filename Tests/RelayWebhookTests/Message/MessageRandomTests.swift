import Foundation
import NIOHTTP1
import Testing

@testable import RelayWebhook

/// Events with any text in any field, read back by Foundation.
@Suite("Messages of random events")
struct MessageRandomTests {
    /// What an event must be read back as.
    private struct Expected {
        var sample: MessageSample
        var attributes: [String: String]
        var schema: String?
        var state: String?
    }

    private func randomEvent(_ random: inout MessageRandom) throws -> Expected {
        var sample = MessageSample()
        sample.id = "i" + random.text()
        sample.type = "t" + random.text()
        sample.topic = "c" + random.text(200)
        sample.key = Bool.random(using: &random) ? random.text() : nil
        sample.schemaVersion = Bool.random(using: &random) ? random.text(10) : nil
        sample.traceparent = Bool.random(using: &random) ? random.text(10) : nil
        sample.position = Int64.random(in: 1 ... .max, using: &random)
        if Int.random(in: 0..<4, using: &random) == 0 { sample.occurredAt = .min }
        sample.isBinary = Bool.random(using: &random)
        let data: [UInt8] = (0..<Int.random(in: 0..<50, using: &random)).map { _ in .random(in: 0...255, using: &random)
        }
        sample.payload =
            sample.isBinary
            ? data
            : Array(
                try JSONSerialization.data(
                    withJSONObject: ["a": random.text(), "b": [1, Int.random(in: -9...9, using: &random)]]))
        let state = random.text()
        let members = ["x": random.text(), "tracestate": state, "dataschema": "urn:a:\(random.next())"]
        sample.headers = String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self)

        var attributes = [
            "specversion": "1.0", "id": sample.id, "source": "/shop/outbox", "type": sample.type,
            "topic": sample.topic ?? "", "subject": sample.key ?? "", "partitionkey": sample.key ?? "",
            "schemaversion": sample.schemaVersion ?? "", "traceparent": sample.traceparent ?? "",
            "datacontenttype": sample.isBinary ? "application/octet-stream" : "application/json",
            "dataschema": members["dataschema"]!,
            "sequence": String(repeating: "0", count: 20 - "\(sample.position)".count) + "\(sample.position)",
        ].filter { !$0.value.isEmpty }
        if sample.occurredAt != .min { attributes["time"] = "2026-01-31T12:00:00.250Z" }
        if attributes["traceparent"] != nil, !state.isEmpty { attributes["tracestate"] = state }
        return Expected(sample: sample, attributes: attributes)
    }

    private func expect(
        _ object: Any?, is event: Expected, _ seed: UInt64, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var members = try #require(object as? [String: Any], "seed \(seed)", sourceLocation: sourceLocation)
        let payload = Data(event.sample.payload ?? [])
        if event.sample.isBinary {
            let text = try #require(
                members.removeValue(forKey: "data_base64") as? String, sourceLocation: sourceLocation)
            #expect(Data(base64Encoded: text) == payload, "seed \(seed)", sourceLocation: sourceLocation)
        } else {
            let data = try #require(
                members.removeValue(forKey: "data") as? NSDictionary, sourceLocation: sourceLocation)
            let own = try JSONSerialization.jsonObject(with: payload) as? NSDictionary
            #expect(data == own, "seed \(seed)", sourceLocation: sourceLocation)
        }
        let attributes = members.mapValues { Array(($0 as? String ?? "no text").unicodeScalars) }
        let expected = event.attributes.mapValues { Array($0.unicodeScalars) }
        #expect(attributes == expected, "seed \(seed)", sourceLocation: sourceLocation)
    }

    @Test("structured and batched")
    func structured() throws {
        var random = MessageRandom("structured messages")
        let (single, batch) = (try encoder(), try encoder(.cloudeventsBatch))
        for _ in 0..<400 {
            let events = try (0..<Int.random(in: 1...4, using: &random)).map { _ in try randomEvent(&random) }
            let one = try single.encode(events[0].sample)
            try expect(JSONSerialization.jsonObject(with: Data(one.bytes)), is: events[0], random.seed)
            let many = try batch.encode(events.map(\.sample.event), redelivery: nil, at: attemptSeconds)
            let array = try JSONSerialization.jsonObject(with: Data(many.bytes)) as? [Any]
            #expect(array?.count == events.count, "seed \(random.seed)")
            for (object, event) in zip(array ?? [], events) { try expect(object, is: event, random.seed) }
        }
    }

    @Test("binary: percent-decoded headers, and no header that a request could not carry")
    func binary() throws {
        var random = MessageRandom("binary messages")
        let encoder = try encoder(.cloudeventsBinary)
        for _ in 0..<600 {
            let event = try randomEvent(&random)
            let message = try encoder.encode(event.sample)
            #expect(message.bytes == event.sample.payload)
            var attributes: [String: [Unicode.Scalar]] = [
                "datacontenttype": Array((message.header("content-type") ?? "").unicodeScalars)
            ]
            for header in message.headers {
                #expect(header.value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "seed \(random.seed)")
                guard header.name.hasPrefix("ce-") else { continue }
                #expect(header.value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 }, "seed \(random.seed)")
                let text = try #require(header.value.removingPercentEncoding, "seed \(random.seed)")
                attributes[String(header.name.dropFirst(3))] = Array(text.unicodeScalars)
            }
            #expect(attributes == event.attributes.mapValues { Array($0.unicodeScalars) }, "seed \(random.seed)")
            let id = try #require(message.header("webhook-id"))
            #expect(id.utf8.allSatisfy { $0 != UInt8(ascii: ".") })
            #expect(id.removingPercentEncoding == event.sample.id, "seed \(random.seed)")
        }
    }

    @Test("standard")
    func standard() throws {
        var random = MessageRandom("standard messages")
        let encoder = try encoder(.standard)
        for _ in 0..<400 {
            let event = try randomEvent(&random)
            let message = try encoder.encode(event.sample)
            let members = try JSONSerialization.jsonObject(with: Data(message.bytes)) as? [String: Any]
            #expect(members?["type"] as? String == event.sample.type, "seed \(random.seed)")
            #expect(members?["timestamp"] as? String == event.attributes["time"], "seed \(random.seed)")
            #expect(members?.count == (event.sample.occurredAt == .min ? 2 : 3), "seed \(random.seed)")
        }
    }
}
