/// Text as a JSON string.
package enum JSONQuote {
    static let digits = Array("0123456789abcdef".utf8)

    /// Appends `text`, which is UTF-8, in quotes.
    package static func append(_ text: some Sequence<UInt8>, to arena: ByteArena) {
        arena.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                arena.append(UInt8(ascii: "\\"))
                arena.append(byte)
            case 0..<0x20:
                arena.append("\\u00")
                arena.append(digits[Int(byte >> 4)])
                arena.append(digits[Int(byte & 15)])
            default: arena.append(byte)
            }
        }
        arena.append(UInt8(ascii: "\""))
    }
}
