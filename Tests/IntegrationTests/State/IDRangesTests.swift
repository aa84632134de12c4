import RelayTesting
import Testing

@testable import RelayMongoDB

@Suite("Ids of dead letters as text")
struct IDRangesTests {
    @Test(
        "runs become ranges",
        arguments: [
            ([], ""), ([5], "5"), ([1, 2, 3], "1-3"), ([1, 3, 4, 9], "1,3-4,9"), ([4, 3, 2], "4,3,2"), ([7, 7], "7,7"),
            ([.max - 1, .max], "9223372036854775806-9223372036854775807"),
        ] as [([Int64], String)])
    func texts(ids: [Int64], text: String) {
        #expect(IDRanges.text(ids) == text)
        #expect(IDRanges.ids(text) == ids)
    }

    @Test("random ids come back in their order")
    func random() {
        var random = ConformanceRandom()
        for _ in 0..<200 {
            let ids = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                Int64.random(in: 0...400, using: &random)
            }
            #expect(IDRanges.ids(IDRanges.text(ids)) == ids, "seed \(random.seed)")
            #expect(IDRanges.ids(IDRanges.text(ids.sorted())) == ids.sorted(), "seed \(random.seed)")
        }
    }

    @Test("a million ids in a row take a few bytes; what is no list of ids is none")
    func edges() {
        #expect(IDRanges.text(Array(1...1_000_000)) == "1-1000000")
        for text in ["a", "1-", "-1", "2-1", "1-2-3", "1..2", "9223372036854775808", "0-9223372036854775807", "1 ,2"] {
            #expect(IDRanges.ids(text) == nil, "\(text)")
        }
        #expect(IDRanges.ids("1-5000000,7") == nil, "more than a request may name")
    }
}
