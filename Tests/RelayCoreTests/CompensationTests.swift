import Foundation
import Testing

@testable import RelayCore

@Suite("Compensation") struct CompensationTests {
    private func letter(_ fields: [(WritableKeyPath<EventRecord, ByteRange>, String)], isBinary: Bool = false)
        -> UncompensatedLetter
    {
        let batch = EventBatch(end: Checkpoint())
        var record = EventRecord()
        for (field, text) in fields {
            let start = batch.arena.count
            batch.arena.append(text)
            record[keyPath: field] = ByteRange(offset: start, length: batch.arena.count - start)
        }
        record.payloadIsBinary = isBinary
        batch.append(record)
        var letter = UncompensatedLetter(
            id: 1, reasonCode: "rejected", reason: "it said \"no\"", attempts: 3,
            event: EventReference(batch, index: 0, position: 1))
        letter.lastAttempt = 1_700_000_000_000
        return letter
    }

    @Test("an undeliverable event says which one, where and why")
    func event() throws {
        let letter = letter([
            (\.id, "7"), (\.topic, "order"), (\.type, "Placed"), (\.key, "k"), (\.headers, #"{"a":1}"#),
            (\.payload, #"{"n":[1,2]}"#),
        ])
        let event = try #require(UndeliverableEvent.make(of: letter, destination: "billing"))
        #expect(event.id == "7.undeliverable.billing" && event.type == "Placed.undeliverable")
        #expect(event.topic == "order" && event.key == "k" && event.occurredAt == 1_700_000_000_000)
        #expect(
            event.payload == #"{"reason":"rejected","message":"it said \"no\"","attempts":3,"destination":"billing","#
                + #""event":{"id":"7","topic":"order","type":"Placed","key":"k","headers":{"a":1},"payload":{"n":[1,2]}}}"#
        )
        // Made again it is the same event.
        #expect(UndeliverableEvent.make(of: letter, destination: "billing") == event)
    }

    @Test("an undeliverable event causes no other, and neither does what has no id or type")
    func none() {
        func made(_ id: String?, _ type: String?) -> PublishedEvent? {
            var fields: [(WritableKeyPath<EventRecord, ByteRange>, String)] = [(\.payload, "1")]
            if let id { fields.append((\.id, id)) }
            if let type { fields.append((\.type, type)) }
            return UndeliverableEvent.make(of: letter(fields), destination: "b")
        }
        #expect(made("7.undeliverable.a", "Placed.undeliverable") == nil)
        #expect(made(nil, "Placed") == nil && made("7", nil) == nil)
        // A service's own event of such a name is one like any other.
        #expect(made("7", "Placed.undeliverable")?.type == "Placed.undeliverable.undeliverable")
        #expect(made("a\0b", "t")?.id == "a\\0b.undeliverable.b", "PostgreSQL's jsonb takes no NUL")
    }

    @Test("a binary payload goes as base64, a document that is no event as it is")
    func others() throws {
        let binary = letter([(\.id, "1"), (\.type, "t"), (\.payload, "\u{1}\u{2}")], isBinary: true)
        #expect(
            UndeliverableEvent.make(of: binary, destination: "b")?.payload.contains(#""payloadBase64":"AQI=""#) == true)
        let document = letter([(\.id, "1"), (\.type, "t"), (\.documentText, #"{"_id":1}"#)])
        let made = try #require(UndeliverableEvent.make(of: document, destination: "b"))
        #expect(made.payload.contains(#""document":{"_id":1}"#))
        #expect((try? JSONSerialization.jsonObject(with: Data(made.payload.utf8))) != nil)
    }

    @Test("a request's structure survives being stored")
    func stored() throws {
        let event = PublishedEvent(
            id: "1", topic: "t", type: "y", key: "ü\"", payload: #"{"a":"\u0000"}"#, occurredAt: 5)
        for kind in [
            RelayRequest.Kind.publish(event), .replay(.ids(["a", "\u{1F600}"])), .replay(.times(since: 1, until: .max)),
        ] {
            let text = try #require(kind.structured)
            #expect(RelayRequest.Kind(name: text.name, json: text.json) == kind)
        }
        #expect(RelayRequest.Kind(name: "replay", json: "{}") == nil && RelayRequest.Kind.resume.structured == nil)
        var progress = ErrandProgress()
        progress.note(missing: (0..<150).map { "\($0)" })
        progress.delivered = 3
        #expect(ErrandProgress(text: progress.text) == progress)
        #expect(progress.firstMissing.count == 100 && progress.missing == 150)
        #expect(progress.answer.message.hasSuffix("99 and 50 more") && !progress.answer.succeeded)
    }
}
