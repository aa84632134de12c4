/// Types that are rare in documents, and those that JSON has no notion of.
extension BSONJSONEncoder {
    /// Writes a value whose layout was checked by ``BSONLayout``.
    @inline(never) mutating func append(
        rare type: UInt8, at: UnsafeRawPointer, count: Int, depth: Int
    ) throws(BSONError) {
        let end = at + count
        switch type {
        case 0x05: append(binary: at, count: count)
        case 0x06: sink.put("{\"$undefined\":true}")
        case 0x0B: try append(regex: at, end: end)
        case 0x0C:
            sink.put("{\"$dbPointer\":{\"$ref\":")
            try append(quoted: at + 4, to: end - 13)
            sink.put(",\"$id\":{\"$oid\":\"")
            sink.put(hex: end - 12, count: 12)
            sink.put("\"}}}")
        case 0x0D:
            sink.put("{\"$code\":")
            try append(quoted: at + 4, to: end - 1)
            sink.put(UInt8(ascii: "}"))
        case 0x0E where style == .plain:
            try append(quoted: at + 4, to: end - 1)
        case 0x0E:
            sink.put("{\"$symbol\":")
            try append(quoted: at + 4, to: end - 1)
            sink.put(UInt8(ascii: "}"))
        case 0x0F: try append(scopedCode: at, end: end, depth: depth)
        case 0x11:
            let value = BSONTimestamp(UInt64(bitPattern: BSONLayout.int64(at)))
            if style != .plain { sink.put("{\"$timestamp\":") }
            sink.put("{\"t\":")
            sink.put(unsigned: UInt64(value.seconds))
            sink.put(",\"i\":")
            sink.put(unsigned: UInt64(value.increment))
            sink.put(UInt8(ascii: "}"))
            if style != .plain { sink.put(UInt8(ascii: "}")) }
        case 0x7F: sink.put("{\"$maxKey\":1}")
        default: sink.put("{\"$minKey\":1}")
        }
        // What follows may rely on the room again.
        sink.reserve(BSONJSONEncoder.slack)
    }

    private mutating func append(binary at: UnsafeRawPointer, count: Int) {
        let subtype = at.load(fromByteOffset: 4, as: UInt8.self)
        let header = subtype == 2 ? 9 : 5
        let bytes = UnsafeRawBufferPointer(start: at + header, count: count - header)
        if style == .plain {
            sink.put(UInt8(ascii: "\""))
            if subtype == 4, bytes.count == 16 {
                sink.put(uuid: bytes.baseAddress!)
            } else {
                sink.append(base64: bytes)
                sink.reserve(BSONJSONEncoder.slack)
            }
            sink.put(UInt8(ascii: "\""))
            return
        }
        sink.put("{\"$binary\":{\"base64\":\"")
        sink.append(base64: bytes)
        sink.reserve(BSONJSONEncoder.slack)
        sink.put("\",\"subType\":\"")
        let digits: StaticString = "0123456789abcdef"
        sink.put(digits.utf8Start[Int(subtype &>> 4)])
        sink.put(digits.utf8Start[Int(subtype & 15)])
        sink.put("\"}}")
    }

    private mutating func append(regex at: UnsafeRawPointer, end: UnsafeRawPointer) throws(BSONError) {
        guard let patternEnd = BSONLayout.zero(from: at, to: end) else {
            throw BSONError(.unterminatedKey, offset: at - origin)
        }
        sink.put("{\"$regularExpression\":{\"pattern\":")
        try append(quoted: at, to: patternEnd)
        sink.put(",\"options\":")
        let options = UnsafeRawBufferPointer(start: patternEnd + 1, count: end - 1 - (patternEnd + 1))
        // Options are a set, in alphabetical order by definition; some drivers wrote them as they came.
        if options.count > 1, options.allSatisfy({ $0 < 0x80 }), zip(options, options.dropFirst()).contains(where: >) {
            let sorted = options.sorted() + [UInt8](repeating: 0, count: 8)
            sorted.withUnsafeBytes { bytes in
                sink.put(UInt8(ascii: "\""))
                let start = bytes.baseAddress!
                _ = sink.appendEscaped(
                    from: start, to: start + options.count, readable: start + bytes.count, containsNUL: &containsNUL)
                sink.reserve(BSONJSONEncoder.slack)
                sink.put(UInt8(ascii: "\""))
            }
        } else {
            try append(quoted: patternEnd + 1, to: end - 1)
        }
        sink.put("}}")
    }

    private mutating func append(
        scopedCode at: UnsafeRawPointer, end: UnsafeRawPointer, depth: Int
    ) throws(BSONError) {
        let scope = at + 8 + Int(BSONLayout.int32(at + 4))
        sink.put("{\"$code\":")
        try append(quoted: at + 8, to: scope - 1)
        sink.put(",\"$scope\":")
        // In plain JSON this is an object of canonical Extended JSON, which goes all the way down.
        let outer = style
        if outer == .plain { style = .canonical }
        try append(container: scope, count: end - scope, isArray: false, depth: depth + 1)
        style = outer
        sink.put(UInt8(ascii: "}"))
    }
}
