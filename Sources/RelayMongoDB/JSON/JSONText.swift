/// Tells whether bytes are JSON as RFC 8259 has it, which is what PostgreSQL's `json` takes.
///
/// Strict: no comments, no trailing commas, no leading zeros, no byte order mark, well-formed UTF-8
/// and nothing but white space around one value. One pass, no recursion: depth costs a bit a level.
public enum JSONText {
    /// What is known of the text, or nil where it is not JSON.
    public static func validate(_ bytes: UnsafeRawBufferPointer) -> JSONFacts? {
        guard let start = bytes.baseAddress else { return nil }
        var scanner = JSONScanner(start: start, count: bytes.count)
        return scanner.document()
    }
}

/// The validator's state: a position, and of every open level whether it is an object.
struct JSONScanner {
    var at: UnsafeRawPointer
    let end: UnsafeRawPointer
    var facts = JSONFacts(kind: .null)
    private var depth = 0
    /// The innermost 64 levels, the lowest bit last opened; 1 is an object.
    private var levels: UInt64 = 0
    private var outer: [UInt64] = []

    init(start: UnsafeRawPointer, count: Int) {
        at = start
        end = start + count
    }

    /// The next byte, or 0 at the end; NUL is no part of JSON's grammar either.
    @inline(__always) var byte: UInt8 { at < end ? at.load(as: UInt8.self) : 0 }

    mutating func document() -> JSONFacts? {
        skipSpace()
        guard let kind = kind(of: byte) else { return nil }
        facts.kind = kind
        values: while true {
            // A value must follow.
            switch byte {
            case UInt8(ascii: "{"):
                push(1)
                at += 1
                skipSpace()
                if byte == UInt8(ascii: "}") { break }
                guard name() else { return nil }
                continue values
            case UInt8(ascii: "["):
                push(0)
                at += 1
                skipSpace()
                if byte == UInt8(ascii: "]") { break }
                continue values
            case UInt8(ascii: "\""):
                at += 1
                guard string() else { return nil }
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard number() else { return nil }
            case UInt8(ascii: "t"): guard literal("true") else { return nil }
            case UInt8(ascii: "f"): guard literal("false") else { return nil }
            case UInt8(ascii: "n"): guard literal("null") else { return nil }
            default: return nil
            }
            // Behind a value: close what ends here, or go on to the next value.
            while true {
                skipSpace()
                if depth == 0 { return at == end ? facts : nil }
                let isObject = levels & 1 == 1
                let found = byte
                guard found != 0 else { return nil }
                at += 1
                if found == UInt8(ascii: ",") {
                    skipSpace()
                    if isObject { guard name() else { return nil } }
                    continue values
                }
                guard found == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return nil }
                pop()
            }
        }
    }

    private mutating func push(_ bit: UInt64) {
        if depth != 0, depth & 63 == 0 { outer.append(levels) }
        levels = levels &<< 1 | bit
        depth += 1
        if depth > facts.maximumDepth { facts.maximumDepth = depth }
    }

    private mutating func pop() {
        depth -= 1
        levels = levels &>> 1
        // The 64 bits before were pushed out while these came in.
        if depth != 0, depth & 63 == 0 { levels = outer.removeLast() }
    }

    /// A name, its colon and the white space around it.
    private mutating func name() -> Bool {
        guard byte == UInt8(ascii: "\"") else { return false }
        at += 1
        guard string() else { return false }
        skipSpace()
        guard byte == UInt8(ascii: ":") else { return false }
        at += 1
        skipSpace()
        return true
    }

    @inline(__always) private mutating func skipSpace() {
        while at < end {
            let byte = at.load(as: UInt8.self)
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            at += 1
        }
    }

    private mutating func literal(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard end - at >= count,
            UnsafeRawBufferPointer(start: at, count: count)
                .elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: count))
        else { return false }
        at += count
        return true
    }

    private func kind(of first: UInt8) -> JSONFacts.Kind? {
        switch first {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        default: nil
        }
    }
}
