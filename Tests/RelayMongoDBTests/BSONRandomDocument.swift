@testable import RelayMongoDB

/// Documents of every type, nested at random, with text that needs care.
struct BSONRandomDocument {
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func document(depth: Int = 0) -> BSONDocument {
        var writer = BSONWriter()
        for _ in 0..<Int.random(in: 0...(depth == 0 ? 12 : 4), using: &random) {
            append(key: text(maximum: 20, nul: false), to: &writer, depth: depth)
        }
        return writer.finish()
    }

    private mutating func append(key: String?, to writer: inout BSONWriter, depth: Int) {
        switch Int.random(in: 0..<23, using: &random) {
        case 0: writer.append(key, double: double())
        case 1: writer.append(key, double: Double(Int.random(in: -100_000...100_000, using: &random)) / 100)
        case 2, 3, 4: writer.append(key, string: text(maximum: 60, nul: true))
        case 5 where depth < 6: writer.append(key, document: document(depth: depth + 1))
        case 6 where depth < 6:
            writer.beginArray(key)
            for _ in 0..<Int.random(in: 0...4, using: &random) { append(key: nil, to: &writer, depth: depth + 1) }
            writer.end()
        case 7, 8:
            writer.append(
                key, binary: data(maximum: 40), subtype: [0, 1, 2, 3, 4, 5, 0x80].randomElement(using: &random)!)
        case 9: writer.append(key, .other(.undefined, []))
        case 10: writer.append(key, objectID: BSONObjectID(data(exactly: 12))!)
        case 11: writer.append(key, bool: Bool.random(using: &random))
        // Up to the year 9999: libbson 1.23 prints later ones as text in relaxed form, against the
        // specification. The corpus and the tests of plain JSON cover them.
        case 12: writer.append(key, date: Int64.random(in: -70_000_000_000_000..<253_402_300_800_000, using: &random))
        case 13: writer.appendNull(key)
        case 14: writer.append(key, regex: text(maximum: 12, nul: false), options: "imx")
        case 15: writer.append(key, .other(.dbPointer, string(text(maximum: 12, nul: false)) + data(exactly: 12)))
        case 16: writer.append(key, .other(.code, string(text(maximum: 20, nul: false))))
        case 17: writer.append(key, .other(.symbol, string(text(maximum: 20, nul: false))))
        case 18:
            let parts = string(text(maximum: 20, nul: false)) + document(depth: 6).bytes
            writer.append(key, .other(.codeWithScope, withUnsafeBytes(of: Int32(parts.count + 4), Array.init) + parts))
        case 19:
            writer.append(
                key, int32: Int32(truncatingIfNeeded: random.next() >> UInt64.random(in: 0...63, using: &random)))
        case 20: writer.append(key, int64: Int64(bitPattern: random.next()) >> Int64.random(in: 0...63, using: &random))
        case 21: writer.append(key, timestamp: BSONTimestamp(random.next()))
        case 22:
            // Up to 34 digits: libbson 1.23 prints coefficients above, which count as zero by IEEE
            // 754-2008. The tests of plain JSON cover them.
            let high = random.next() & 0xFFFE_0000_0000_0000 | UInt64.random(in: 0..<0x1_ED09_BEAD_87C0, using: &random)
            writer.append(key, decimal128: BSONDecimal128(high: high, low: random.next()))
        default: writer.append(key, .other(Bool.random(using: &random) ? .minKey : .maxKey, []))
        }
    }

    private mutating func double() -> Double {
        // Any bit pattern, but NaN's payload says nothing in JSON.
        let value = Double(bitPattern: random.next())
        return value.isNaN ? .nan : value
    }

    private mutating func data(maximum: Int) -> [UInt8] {
        data(exactly: Int.random(in: 0...maximum, using: &random))
    }

    private mutating func data(exactly count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    private mutating func text(maximum: Int, nul: Bool) -> String {
        let alphabets: [[Unicode.Scalar]] = [
            Array("abcdefghijklmnopqrstuvwxyz0123456789 ".unicodeScalars),
            Array("\"\\/\u{1}\u{8}\t\n\u{c}\r\u{1f}\u{7f}abc".unicodeScalars) + (nul ? ["\0"] : []),
            Array("äß\u{80}\u{7ff}\u{800}\u{2028}\u{fffd}\u{ffff}\u{d7ff}\u{e000}\u{10000}\u{10ffff}x".unicodeScalars),
        ]
        let mixed = Bool.random(using: &random)
        let alphabet = alphabets.randomElement(using: &random)!
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...maximum, using: &random) {
            text.append((mixed ? alphabets.randomElement(using: &random)! : alphabet).randomElement(using: &random)!)
        }
        return String(text)
    }

    private func string(_ text: String) -> [UInt8] {
        withUnsafeBytes(of: Int32(text.utf8.count + 1), Array.init) + Array(text.utf8) + [0]
    }
}
