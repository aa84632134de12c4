import RelayCore

@testable import RelayMongoDB

/// Repeatable random numbers (SplitMix64); tests print the seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The bytes of a hexadecimal text.
func bytes(hex: String) -> [UInt8] {
    let digits = hex.compactMap { $0.hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// Runs `body` with a view of a copy of `bytes` that ends where its allocation ends, so that tools
/// which watch memory see a read beyond it.
func withExactCopy<Result>(of bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return try body(UnsafeRawBufferPointer(copy))
}

/// A document's JSON and what is known of it. The arena starts small, so that it grows on the way.
func json(_ bytes: [UInt8], _ style: JSONStyle) throws -> (text: String, facts: JSONFacts) {
    let arena = ByteArena(capacity: 64)
    arena.append("before")
    do {
        let facts = try withExactCopy(of: bytes) { try BSONJSON.append(BSONView($0), style: style, to: arena) }
        return (String(decoding: arena.bytes.dropFirst(6), as: UTF8.self), facts)
    } catch {
        guard arena.string(ByteRange(offset: 0, length: arena.count)) == "before" else { throw ArenaNotRestored() }
        throw error
    }
}

/// A document's JSON.
func json(_ document: BSONDocument, _ style: JSONStyle = .plain) throws -> String {
    try json(document.bytes, style).text
}

/// A failed encoding left bytes behind.
struct ArenaNotRestored: Error {}

/// JSON text as tokens that compare equal where only spelling differs: white space, escapes, and
/// how a floating-point number is written, also inside `$numberDouble`.
func tokens(_ text: String) -> [String] {
    var tokens: [String] = []
    let scalars = Array(text.unicodeScalars)
    var at = 0
    while at < scalars.count {
        let scalar = scalars[at]
        if " \n\r\t".unicodeScalars.contains(scalar) {
            at += 1
        } else if scalar == "\"" {
            var content = String.UnicodeScalarView()
            var units: [UInt16] = []
            func flush() {
                content.append(contentsOf: String(decoding: units, as: UTF16.self).unicodeScalars)
                units = []
            }
            at += 1
            while scalars[at] != "\"" {
                if scalars[at] == "\\", scalars[at + 1] == "u" {
                    units.append(UInt16(String(String.UnicodeScalarView(scalars[(at + 2)..<(at + 6)])), radix: 16)!)
                    at += 6
                    continue
                }
                flush()
                if scalars[at] == "\\" {
                    let short: [Unicode.Scalar: Unicode.Scalar] = [
                        "n": "\n", "t": "\t", "r": "\r", "b": "\u{8}", "f": "\u{c}",
                    ]
                    content.append(short[scalars[at + 1]] ?? scalars[at + 1])
                    at += 2
                } else {
                    content.append(scalars[at])
                    at += 1
                }
            }
            flush()
            at += 1
            var string = String(content)
            if tokens.suffix(2) == ["\"$numberDouble", ":"] { string = Double(string)!.description }
            tokens.append("\"" + string)
        } else if "-0123456789".unicodeScalars.contains(scalar) {
            let start = at
            while at < scalars.count, "+-.eE0123456789".unicodeScalars.contains(scalars[at]) { at += 1 }
            let number = String(String.UnicodeScalarView(scalars[start..<at]))
            tokens.append(number.contains(where: { ".eE".contains($0) }) ? Double(number)!.description : number)
        } else if scalar.properties.isAlphabetic {
            let start = at
            while at < scalars.count, scalars[at].properties.isAlphabetic { at += 1 }
            tokens.append(String(String.UnicodeScalarView(scalars[start..<at])))
        } else {
            tokens.append(String(scalar))
            at += 1
        }
    }
    return tokens
}
