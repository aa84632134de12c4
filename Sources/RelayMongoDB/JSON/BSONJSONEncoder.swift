import RelayCore

/// Walks a document once, checking and writing at the same time.
///
/// Recursion is bounded by ``BSONView/maximumDepth``; a level takes a few hundred bytes of stack.
struct BSONJSONEncoder {
    var sink: JSONSink
    var style: JSONStyle
    /// Where offsets in errors count from.
    let origin: UnsafeRawPointer
    /// Up to where bytes may be read.
    let readable: UnsafeRawPointer
    var containsNUL = false
    var deepest = 0

    /// Room for the punctuation of an element and any value of fixed size.
    static let slack = 192

    init(_ arena: ByteArena, style: JSONStyle, bytes: UnsafeRawBufferPointer) {
        self.style = style
        origin = bytes.baseAddress!
        readable = origin + bytes.count
        sink = JSONSink(arena, reserving: bytes.count + BSONJSONEncoder.slack)
    }

    /// Writes the document or array at `base`, whose length and terminator were checked.
    mutating func append(
        container base: UnsafeRawPointer, count: Int, isArray: Bool, depth: Int
    ) throws(BSONError) {
        guard depth <= BSONView.maximumDepth else { throw BSONError(.tooDeep, offset: base - origin) }
        if depth > deepest { deepest = depth }
        let last = base + (count - 1)
        var at = base + 4
        sink.reserve(BSONJSONEncoder.slack)
        sink.put(UInt8(ascii: isArray ? "[" : "{"))
        var isFirst = true
        while at < last {
            let type = at.load(as: UInt8.self)
            sink.reserve(BSONJSONEncoder.slack)
            if isFirst { isFirst = false } else { sink.put(UInt8(ascii: ",")) }
            if isArray {
                guard let end = BSONLayout.zero(from: at + 1, to: last) else {
                    throw BSONError(.unterminatedKey, offset: at + 1 - origin)
                }
                at = end + 1
            } else {
                at = try append(key: at + 1, limit: last)
            }
            at = try append(value: type, at: at, limit: last, depth: depth)
        }
        sink.reserve(BSONJSONEncoder.slack)
        sink.put(UInt8(ascii: isArray ? "]" : "}"))
    }

    /// Writes a name with its quotes and colon; leaves half of ``slack`` reserved.
    @inline(__always) private mutating func append(
        key: UnsafeRawPointer, limit: UnsafeRawPointer
    ) throws(BSONError) -> UnsafeRawPointer {
        sink.put(UInt8(ascii: "\""))
        // Names are short and clean nearly always: copied while their end is looked for.
        var at = key
        var out = sink.cursor
        var rounds = 4
        while readable - at >= 8, rounds > 0 {
            let word = SWAR.load(at)
            SWAR.store(word, out)
            let flags = SWAR.special(word)
            if flags == 0 {
                at += 8
                out += 8
                rounds -= 1
                continue
            }
            let clean = SWAR.firstByte(flags)
            at += clean
            out += clean
            if at.load(as: UInt8.self) == 0, at < limit {
                out[0] = UInt8(ascii: "\"")
                out[1] = UInt8(ascii: ":")
                sink.cursor = out + 2
                return at + 1
            }
            break
        }
        return try append(unusualKey: key, limit: limit)
    }

    @inline(never) private mutating func append(
        unusualKey key: UnsafeRawPointer, limit: UnsafeRawPointer
    ) throws(BSONError) -> UnsafeRawPointer {
        guard let end = BSONLayout.zero(from: key, to: limit) else {
            throw BSONError(.unterminatedKey, offset: key - origin)
        }
        try append(text: key, to: end)
        sink.reserve(BSONJSONEncoder.slack)
        sink.put("\":")
        return end + 1
    }

    /// Writes text without quotes, reserving for itself.
    @inline(__always) mutating func append(text: UnsafeRawPointer, to end: UnsafeRawPointer) throws(BSONError) {
        if let bad = sink.appendEscaped(from: text, to: end, readable: readable, containsNUL: &containsNUL) {
            throw BSONError(.invalidUTF8, offset: bad - origin)
        }
    }

    /// Writes text in quotes. A third of ``slack`` must be reserved.
    @inline(__always) mutating func append(quoted text: UnsafeRawPointer, to end: UnsafeRawPointer) throws(BSONError) {
        sink.put(UInt8(ascii: "\""))
        try append(text: text, to: end)
        sink.reserve(BSONJSONEncoder.slack)
        sink.put(UInt8(ascii: "\""))
    }
}
