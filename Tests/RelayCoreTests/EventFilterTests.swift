import Testing

@testable import RelayCore

/// Globs over topics and types.
@Suite("Event filter")
struct EventFilterTests {
    /// The definition of a glob, one Unicode scalar after the other, as slow as it is plain.
    static func reference(_ text: ArraySlice<Unicode.Scalar>, _ glob: ArraySlice<Unicode.Scalar>) -> Bool {
        guard let first = glob.first else { return text.isEmpty }
        if first == "*" {
            return (text.startIndex...text.endIndex).contains { reference(text[$0...], glob.dropFirst()) }
        }
        guard let head = text.first, first == "?" || first == head else { return false }
        return reference(text.dropFirst(), glob.dropFirst())
    }

    @Test("random globs match what the definition says")
    func againstReference() {
        let seed = freshSeed("globs")
        var random = SeededGenerator(seed: seed)
        let letters: [Unicode.Scalar] = ["a", "b", ".", "é", "è", "€", "😀"]
        let pieces = letters + ["*", "*", "?"]
        var matches = 0
        for _ in 0..<60_000 {
            let text = (0..<Int.random(in: 0...7, using: &random)).map { _ in letters.randomElement(using: &random)! }
            var glob = (0..<Int.random(in: 0...6, using: &random)).map { _ in pieces.randomElement(using: &random)! }
            // Half of the globs are made of the text, so that many match.
            if Bool.random(using: &random) {
                glob = text.flatMap { scalar -> [Unicode.Scalar] in
                    [[scalar], [scalar], ["?"], ["*"], ["*", scalar], []].randomElement(using: &random)!
                }
            }
            let string = String(String.UnicodeScalarView(text))
            let pattern = String(String.UnicodeScalarView(glob))
            let expected = Self.reference(text[...], glob[...])
            let found = EventFilter.matches(Array(string.utf8), glob: Array(pattern.utf8))
            #expect(found == expected, "text '\(string)', glob '\(pattern)', seed \(seed)")
            matches += expected ? 1 : 0
        }
        #expect(matches > 5_000, "too few matches to say anything")
    }

    @Test("many stars do not take exponential time")
    func hostileGlob() {
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 2000)
        let glob = Array((String(repeating: "a*", count: 200) + "b").utf8)
        let began = ContinuousClock.now
        #expect(!EventFilter.matches(text, glob: glob))
        #expect(began.duration(to: .now) < .seconds(30))
    }

    @Test("an event passes when topic and type both match one of their globs")
    func topicsAndTypes() {
        let filter = EventFilter(topics: ["order", "cart*"], types: ["*.created", "x"])
        func passes(_ topic: String, _ type: String) -> Bool {
            Array(topic.utf8).withUnsafeBytes { topic in
                Array(type.utf8).withUnsafeBytes { filter.passes(topic: topic, type: $0) }
            }
        }
        #expect(passes("order", "order.created"))
        #expect(passes("cart-1", "x"))
        #expect(!passes("orders", "x"))
        #expect(!passes("order", "order.deleted"))
        #expect(!passes("Order", "x"))
        #expect(!filter.passesAll)
        #expect(EventFilter().passesAll)
        #expect(EventFilter(topics: ["a", "*"], types: ["*"]).passesAll)
        #expect(!EventFilter(topics: ["**"]).passesAll)
    }

    @Test("what does not pass is marked, poison stays poison")
    func applying() {
        let batch = EventBatch(end: Checkpoint())
        batch.appendEvent("1", topic: "order")
        batch.appendEvent("2", topic: "cart")
        batch.appendEvent("3", topic: "cart", poison: Poison(.missingField, "none"))
        EventFilter(topics: ["ord*"]).apply(to: batch)
        #expect(batch.records.map(\.outcome) == [.event, .filtered, .poison])
        EventFilter(topics: ["nothing"]).apply(to: batch)
        #expect(batch.records.map(\.outcome) == [.filtered, .filtered, .poison])
    }
}
