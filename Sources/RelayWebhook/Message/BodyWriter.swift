import NIOCore

/// A body in the making: pieces of JSON are appended to one buffer, and no value becomes an object on the way.
///
/// Text must be UTF-8, which the fields of an event are.
struct BodyWriter {
    private(set) var buffer: ByteBuffer

    /// An empty body with room for `capacity` bytes; more is found where it is needed.
    init(capacity: Int) { buffer = ByteBufferAllocator().buffer(capacity: capacity) }

    /// Appends a piece of JSON.
    mutating func append(_ literal: StaticString) { buffer.writeStaticString(literal) }

    /// Appends bytes as they are.
    mutating func append(_ bytes: UnsafeRawBufferPointer) { buffer.writeBytes(bytes) }

    /// Appends a member of an object that is not its first: `,"name":"text"`.
    mutating func append(member name: StaticString, _ text: UnsafeRawBufferPointer) {
        guard JSONEscape.firstSpecial(in: text) == nil else {
            append(",\"")
            append(name)
            append("\":")
            append(string: text)
            return
        }
        // One write for all pieces: there are a dozen members to an event.
        let nameCount = name.utf8CodeUnitCount
        let count = nameCount + text.count + 6
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
            let out = room.baseAddress!
            room[0] = UInt8(ascii: ",")
            room[1] = UInt8(ascii: "\"")
            (out + 2).copyMemory(from: name.utf8Start, byteCount: nameCount)
            room[nameCount + 2] = UInt8(ascii: "\"")
            room[nameCount + 3] = UInt8(ascii: ":")
            room[nameCount + 4] = UInt8(ascii: "\"")
            if let start = text.baseAddress { (out + nameCount + 5).copyMemory(from: start, byteCount: text.count) }
            room[count - 1] = UInt8(ascii: "\"")
            return count
        }
    }

    /// Appends text as a JSON string.
    mutating func append(string text: UnsafeRawBufferPointer) {
        var rest = text
        append("\"")
        while let special = JSONEscape.firstSpecial(in: rest) {
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: rest[..<special]))
            JSONEscape.append(rest[special], to: &buffer)
            rest = UnsafeRawBufferPointer(rebasing: rest[(special + 1)...])
        }
        buffer.writeBytes(rest)
        append("\"")
    }

    /// Appends bytes as a JSON string in base64.
    mutating func append(base64 bytes: UnsafeRawBufferPointer) {
        append("\"")
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Base64.count(of: bytes.count)) {
            Base64.write(bytes, to: $0)
        }
        append("\"")
    }
}

/// What text needs to be a JSON string (RFC 8259, section 7).
enum JSONEscape {
    /// The index of the first byte that a JSON string cannot hold as it is: a control character, a quote, a backslash.
    @inline(__always)
    static func firstSpecial(in text: UnsafeRawBufferPointer) -> Int? {
        guard let start = text.baseAddress else { return nil }
        var index = 0
        // Eight bytes at a time: a byte's high bit is set where it is special, or behind such a one. Bytes of 0x80 and
        // above are none.
        while text.count - index >= 8 {
            let word = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let control = word &- 0x2020_2020_2020_2020
            let quote = (word ^ 0x2222_2222_2222_2222) &- 0x0101_0101_0101_0101
            let backslash = (word ^ 0x5C5C_5C5C_5C5C_5C5C) &- 0x0101_0101_0101_0101
            let flags = (control | quote | backslash) & ~word & 0x8080_8080_8080_8080
            if flags != 0 { return index + flags.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < text.count {
            let byte = text[index]
            if byte < 0x20 || byte == 0x22 || byte == 0x5C { return index }
            index += 1
        }
        return nil
    }

    /// Appends one such byte.
    static func append(_ byte: UInt8, to buffer: inout ByteBuffer) {
        switch byte {
        case 0x22: buffer.writeStaticString("\\\"")
        case 0x5C: buffer.writeStaticString("\\\\")
        case 0x08: buffer.writeStaticString("\\b")
        case 0x09: buffer.writeStaticString("\\t")
        case 0x0A: buffer.writeStaticString("\\n")
        case 0x0C: buffer.writeStaticString("\\f")
        case 0x0D: buffer.writeStaticString("\\r")
        default:
            buffer.writeStaticString("\\u00")
            buffer.writeInteger(Hex.digit(byte &>> 4, .lower))
            buffer.writeInteger(Hex.digit(byte & 15, .lower))
        }
    }
}
