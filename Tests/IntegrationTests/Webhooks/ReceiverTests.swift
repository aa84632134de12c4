import NIOCore
import NIOHTTP1
import Testing

@testable import RelayTesting

extension Integration.Webhooks {
    /// The receiver judges the relay: what it says must be able to go wrong.
    @Suite("The receiver itself")
    struct ReceiverTests {
        private static let committed = [
            CommittedEvent(id: "a1", key: "a", n: 1), CommittedEvent(id: "a2", key: "a", n: 2),
            CommittedEvent(id: "b1", key: "b", n: 1),
        ]

        /// Deliveries one after the other: the event, and the answer that it got.
        private static func record(_ deliveries: [(id: String, status: Int)], redelivery: String? = nil)
            -> WebhookRecord
        {
            let record = WebhookRecord(limit: 100)
            for (number, delivery) in deliveries.enumerated() {
                let event = ReceivedEvent(
                    id: delivery.id, key: String(delivery.id.prefix(1)), sequence: Int64(delivery.id.suffix(1)))
                let flaw: String? = number < 0 ? "" : nil
                record.answer(
                    record.arrive([event], redelivery: redelivery, flaw: flaw, at: .now),
                    delivery.status == 0 ? nil : delivery.status)
            }
            return record
        }

        private static func report(_ deliveries: [(id: String, status: Int)], dead: Set<String> = []) -> WebhookReport {
            record(deliveries).report(committed, aborted: ["x1"], deadLettered: dead, ordered: true)
        }

        @Test("a complete delivery, with failures and repeats on the way, is complete")
        func complete() {
            let report = Self.report([("a1", 500), ("b1", 200), ("a1", 0), ("a1", 200), ("a1", 200), ("a2", 200)])
            #expect(report.isComplete, "\(report)")
            #expect(report.duplicates == ["a1"] && report.repeats == 1 && report.accepted == 3)
            #expect(report.answers == [0: 1, 200: 4, 500: 1])
        }

        @Test("every kind of difference is found")
        func differences() {
            #expect(Self.report([("a1", 200), ("b1", 200), ("a2", 500)]).missing.first == ["a2"])
            let dead = Self.report([("a1", 422), ("a2", 200), ("b1", 200)], dead: ["a1"])
            #expect(dead.isComplete, "\(dead)")
            let both = Self.report([("a1", 200), ("a2", 200), ("b1", 200)], dead: ["a1"])
            #expect(both.deadAndDelivered.first == ["a1"])
            let early = Self.report([("a2", 200), ("a1", 200), ("b1", 200)])
            #expect(early.orderViolations.first == ["a number 2"] && early.overlaps.count == 1)
            // Tried too early, though accepted in order: a receiver that is slow would have seen it out of order.
            let overlap = Self.report([("a2", 500), ("a1", 200), ("a2", 200), ("b1", 200)])
            #expect(overlap.orderViolations.count == 0 && overlap.overlaps.first == ["a number 2"])
            let foreign = Self.report([("a1", 200), ("a2", 200), ("b1", 200), ("x1", 200), ("y1", 200)])
            #expect(foreign.aborted.first == ["x1"] && foreign.unknown.first == ["y1"])
            let altered = Self.record([("b1", 200)])
                .report([CommittedEvent(id: "b1", key: "a", n: 1)], aborted: [], deadLettered: [], ordered: true)
            #expect(altered.altered.count == 1)
            let sequence = Self.record([("a2", 200), ("b1", 200)]).report(
                [CommittedEvent(id: "a2", key: "k", n: 1), CommittedEvent(id: "b1", key: "k", n: 2)], aborted: [],
                deadLettered: [], ordered: true)
            #expect(sequence.sequenceViolations.count == 1)
        }

        @Test("a redelivery is no repeat, and takes no part in the order")
        func redelivery() {
            let record = Self.record([("a2", 200), ("b1", 200), ("a1", 422)])
            let ticket = record.arrive(
                [ReceivedEvent(id: "a1", key: "a", sequence: 1)], redelivery: "retry", flaw: nil, at: .now)
            record.answer(ticket, 204)
            let report = record.report(Self.committed, aborted: [], deadLettered: [], ordered: false)
            #expect(report.missing.count == 0 && report.repeats == 0 && report.redeliveries == ["retry": 1])
            #expect(record.deliveries(of: "a1").map(\.redelivery) == [nil, "retry"])
            #expect(record.deliveries(of: "a1").map(\.attempt) == [1, 2])
        }

        @Test("the published vectors are valid, and nothing else is")
        func signatures() throws {
            let verifier = try SignatureVerifier([
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
            ])
            let shared = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
            let open =
                "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
            func problem(
                _ signatures: String?, id: String = "msg_p5jXN8AQM9LWM0D4loKWxJek",
                body: String = "{\"test\": 2432232314}",
                now: Int64 = 1_614_265_330
            ) -> String? {
                Array(body.utf8).withUnsafeBytes {
                    verifier.problem(id: id, timestamp: "1614265330", signatures: signatures, body: $0, now: now)
                }
            }
            #expect(problem("\(shared) \(open)") == nil)
            #expect(problem("\(open) \(shared)") == nil)
            #expect(problem(nil) != nil)
            #expect(problem(shared) != nil, "one of two is missing")
            #expect(problem("\(shared) \(shared)") != nil)
            #expect(problem("\(shared) \(open)", id: "msg_other") != nil)
            #expect(problem("\(shared) \(open)", body: "{\"test\":2432232314}") != nil)
            #expect(problem("\(shared) \(open)", now: 1_614_265_330 + 301) != nil)
            #expect(problem("v1,AAAA \(open)") != nil)
        }

        @Test("events are read from every format, and what is none is noticed")
        func formats() throws {
            func events(_ headers: [(String, String)], _ body: String) -> ([ReceivedEvent], String?) {
                let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: HTTPHeaders(headers))
                return ReceivedEvent.all(head, ByteBuffer(string: body))
            }
            let (json, batch) = ("application/cloudevents+json; charset=utf-8", "application/cloudevents-batch+json")
            let body =
                #"{"data":{"id":"no","list":[1,{"a":"}\""}]},"specversion":"1.0","id":"ä\"","partitionkey":"k","sequence":"0007"}"#
            let event = ReceivedEvent(id: "ä\"", key: "k", sequence: 7)
            #expect(events([("webhook-id", "%C3%A4%22"), ("content-type", json)], body) == ([event], nil))
            #expect(events([("webhook-id", "other"), ("content-type", json)], body).1 != nil)
            #expect(events([("content-type", json)], body).1 == "no webhook-id")
            #expect(events([("webhook-id", "a.b"), ("content-type", json)], body).1 != nil)
            #expect(events([("webhook-id", "x"), ("content-type", json)], "{}").1 != nil)
            #expect(
                events([("webhook-id", "hash"), ("content-type", batch)], "[\(body),\(body)]").1
                    == "an event twice in one batch")
            let two = events(
                [("webhook-id", "hash"), ("content-type", batch)], #"[{"id":"1"},{"id":"2","data":null}]"#)
            #expect(two == ([ReceivedEvent(id: "1"), ReceivedEvent(id: "2")], nil))
            let binary = events(
                [("webhook-id", "7"), ("ce-specversion", "1.0"), ("ce-id", "7"), ("ce-partitionkey", "a%20b")], "x")
            #expect(binary == ([ReceivedEvent(id: "7", key: "a b")], nil))
            #expect(events([("webhook-id", "a%2Eb")], "x") == ([ReceivedEvent(id: "a.b")], nil))
        }
    }
}
