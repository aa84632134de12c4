import Crypto
import Foundation
import Testing

@testable import RelayCore

@Suite("Claim check") struct ClaimCheckTests {
    private func batch(_ payload: [UInt8], id: String = "7", headers: String? = nil) -> EventBatch {
        let batch = EventBatch(end: Checkpoint())
        var record = EventRecord()
        func range(_ bytes: some Collection<UInt8>) -> ByteRange {
            let start = batch.arena.count
            Array(bytes).withUnsafeBytes { batch.arena.append($0) }
            return ByteRange(offset: start, length: batch.arena.count - start)
        }
        record.id = range(id.utf8)
        record.payload = range(payload)
        if let headers { record.headers = range(headers.utf8) }
        batch.append(record)
        return batch
    }

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

    @Test("a payload above the limit becomes a reference, with its size and hash", arguments: [true, false])
    func reference(isBinary: Bool) throws {
        let payload = [UInt8](repeating: 0x61, count: 1025)
        let batch = batch(payload, id: "a\"b\\c\u{1}ü", headers: #"{"x":"y"}"#)
        batch.records[0].payloadIsBinary = isBinary
        batch.records[0].payloadRefusedByJSONB = true
        ClaimCheck(limit: 1024, database: "shop", collection: "out\"box").apply(to: batch)
        let record = batch.records[0]
        let claim = try JSONDecoder().decode(Claim.self, from: Data(batch.arena[record.payload])).claimCheck
        #expect(claim.database == "shop" && claim.collection == "out\"box" && claim.id == "a\"b\\c\u{1}ü")
        #expect(claim.bytes == 1025)
        #expect(claim.sha256 == SHA256.hash(data: payload).map { String(format: "%02x", $0) }.joined())
        #expect(!record.payloadIsBinary && !record.payloadRefusedByJSONB)
        #expect(batch.arena.string(record.headers) == #"{"x":"y","outbox-relay-claim-check":"true"}"#)
    }

    @Test("up to the limit a payload goes out whole, and so does what is no event")
    func whole() {
        let check = ClaimCheck(limit: 1024, database: "shop", collection: "outbox")
        let small = batch([UInt8](repeating: 0x61, count: 1024))
        check.apply(to: small)
        #expect(small.records[0].payload.length == 1024 && !small.records[0].headers.isPresent)
        let filtered = batch([UInt8](repeating: 0x61, count: 5000))
        filtered.filter(at: 0)
        check.apply(to: filtered)
        #expect(filtered.records[0].payload.length == 5000)
    }

    @Test(
        "a header goes behind those that are there",
        arguments: [
            (nil, #"{"n":"v"}"#), ("{}", #"{"n":"v"}"#), ("{ }", #"{ "n":"v"}"#),
            (#"{"a":{"b":1}}"#, #"{"a":{"b":1},"n":"v"}"#),
            (#"{"a":"}"} "#, #"{"a":"}","n":"v"}"#),
        ]) func header(before: String?, after: String)
    {
        let batch = batch([1], headers: before)
        batch.setHeader("n", to: "v", at: 0)
        #expect(batch.arena.string(batch.records[0].headers) == after)
    }
}
