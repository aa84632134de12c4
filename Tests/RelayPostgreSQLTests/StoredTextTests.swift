import Foundation
import RelayCore
import Testing

@testable import RelayPostgreSQL

/// What is stored as text: checkpoints, requests, headers of a redelivery.
@Suite("Stored text")
struct StoredTextTests {
    @Test("a checkpoint is stored in one form only, and read back as it was")
    func checkpoint() throws {
        var point = Checkpoint()
        point.token = "8265A0"
        point.ordinal = 3
        point.clusterTime = ClusterTime(seconds: .max, increment: 7)
        point.backlog = BacklogPosition(snapshot: ClusterTime(seconds: 1, increment: 2))
        point.options = ["database": "shop/é", "collection": "outbox"]
        point.cluster = "c"
        let text = try CheckpointText.encode(point)
        #expect(try CheckpointText.decode(text, pipeline: "p") == point)
        #expect(try CheckpointText.encode(CheckpointText.decode(text, pipeline: "p")) == text)
        #expect(text.contains("shop/é"))
        #expect(!text.contains("\0"))
    }

    @Test(
        "a checkpoint of a later format is not read, and the message names the newer version",
        arguments: [
            #"{"format":2,"ordinal":0,"options":{},"collections":{},"invalidated":false}"#,
            #"{"format":2}"#, #"{"format":99,"token":{"of":"another","shape":true}}"#,
        ])
    func laterFormat(text: String) throws {
        let error = try #require(throws: RelayError.self) { try CheckpointText.decode(text, pipeline: "shop/default") }
        #expect(error.code == .identity)
        #expect(!error.isRetriable)
        #expect(error.message.contains("shop/default"))
        #expect(error.message.contains("newer version"))
    }

    @Test("a damaged checkpoint is refused, and its text not repeated", arguments: ["", "{}", "secret", "[1]", "null"])
    func damaged(text: String) throws {
        let error = try #require(throws: RelayError.self) { try CheckpointText.decode(text, pipeline: "p") }
        #expect(error.code == .identity)
        #expect(!error.isRetriable)
        #expect(!error.message.contains("secret"))
    }

    @Test(
        "a request reads back as what was asked",
        arguments: [
            .retryDeadLetters([1, 2, .max]), .retryDeadLetters([]), .discardDeadLetters([-1]),
            .pause(reason: "deployment \"é\" \\ \n 😀"), .resume, .unknown("dance"),
        ] as [RelayRequest.Kind])
    func requests(kind: RelayRequest.Kind) throws {
        let (name, argument) = try RequestText.text(kind)
        #expect(RequestText.kind(name, argument: argument) == kind)
        #expect(try JSONSerialization.jsonObject(with: Data(argument.utf8)) is [String: Any])
    }

    @Test("a request with arguments that are not understood is unknown, never carried out on a guess")
    func damagedRequests() {
        for argument in ["", "{}", "nonsense", #"{"ids":["1"]}"#, #"{"ids":null}"#, #"{"ids":[1.5]}"#, "[1]"] {
            #expect(RequestText.kind("retry-dead-letters", argument: argument) == .unknown("retry-dead-letters"))
            #expect(RequestText.kind("discard-dead-letters", argument: argument) == .unknown("discard-dead-letters"))
        }
        #expect(RequestText.kind("resume", argument: "nonsense") == .resume)
        #expect(RequestText.kind("pause", argument: "{}") == .pause(reason: "paused by a person"))
        #expect(RequestText.kind("Resume", argument: "{}") == .unknown("Resume"))
    }

    @Test(
        "the mark of a redelivery is added to whatever headers there are",
        arguments: [
            nil, "{}", "{ }", " {\n} ", #"{"a":1}"#, #"{"a":{}}"#, #"{"a":{"b":{}}}"#, #"{"a":[]} "#, #"{"":""}"#,
            #"{"a":"}"}"#, #"{"a":"x:y"}"#, #"{"}{":":"}"#, #"{"é":"😀"}"#, #"{"a":{"outbox-relay-redelivery":"x"}}"#,
            #"{"outbox-relay-redelivery":"retry"}"#, "{\"a\":1}\n", #"{"a":"\u0301"}"#, "{\"a\":\"\u{301}\"}",
        ])
    func marked(headers: String?) throws {
        let batch = EventBatch(end: Checkpoint())
        batch.arena.append("before")
        var record = EventRecord()
        if let headers {
            batch.arena.append(headers)
            record.headers = ByteRange(offset: 6, length: batch.arena.count - 6)
        }
        batch.append(record)
        batch.setHeader(EventBatch.redeliveryHeader, to: "retry", at: 0)
        let text = batch.arena.string(batch.records[0].headers)
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        var found = try #require(object as? [String: NSObject])
        #expect(found["outbox-relay-redelivery"] == "retry" as NSString)
        var before =
            try JSONSerialization.jsonObject(with: Data((headers ?? "{}").utf8)) as? [String: NSObject] ?? [:]
        found["outbox-relay-redelivery"] = nil
        before["outbox-relay-redelivery"] = nil
        #expect(found == before)
    }
}
