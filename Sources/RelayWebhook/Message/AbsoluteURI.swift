#if canImport(Glibc)
import Glibc
#endif

/// Whether text is an absolute URI (RFC 3986, section 4.3), which is what CloudEvents wants of `dataschema`: with a
/// scheme, and without a fragment.
enum AbsoluteURI {
    static func isOne(_ text: [UInt8]) -> Bool {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")), colon < text.count - 1,
            let first = text.first, isLetter(first),
            text[..<colon].allSatisfy({ isLetter($0) || isDigit($0) || isAny($0, of: "+-.") })
        else { return false }
        var rest = text[(colon + 1)...]
        let query = rest.firstIndex(of: UInt8(ascii: "?")) ?? rest.endIndex
        guard isText(rest[query...].dropFirst(), and: ":@/?") else { return false }
        rest = rest[..<query]
        guard rest.starts(with: "//".utf8) else { return isText(rest, and: ":@/") }
        rest = rest.dropFirst(2)
        let path = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        return isAuthority(rest[..<path]) && isText(rest[path...], and: ":@/")
    }

    /// `user:password@host:port`, of which only the host need be there, and even that may be empty.
    private static func isAuthority(_ text: ArraySlice<UInt8>) -> Bool {
        var host = text
        if let at = text.lastIndex(of: UInt8(ascii: "@")) {
            guard isText(text[..<at], and: ":") else { return false }
            host = text[(at + 1)...]
        }
        if host.first == UInt8(ascii: "[") {
            guard let end = host.firstIndex(of: UInt8(ascii: "]")), isIPv6(host[(host.startIndex + 1)..<end]) else {
                return false
            }
            return end == host.endIndex - 1 || isPort(host[(end + 1)...])
        }
        guard let colon = host.firstIndex(of: UInt8(ascii: ":")) else { return isText(host, and: "") }
        return isText(host[..<colon], and: "") && isPort(host[colon...])
    }

    private static func isPort(_ text: ArraySlice<UInt8>) -> Bool {
        text.first == UInt8(ascii: ":") && text.dropFirst().allSatisfy(isDigit)
    }

    private static func isIPv6(_ text: ArraySlice<UInt8>) -> Bool {
        var address = in6_addr()
        return !text.contains(0) && inet_pton(AF_INET6, String(decoding: text, as: UTF8.self), &address) == 1
    }

    /// Unreserved characters, sub-delimiters, percent-encoded bytes and what `others` adds.
    private static func isText(_ text: ArraySlice<UInt8>, and others: StaticString) -> Bool {
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "%") {
                guard text.endIndex - index > 2, isHexDigit(text[index + 1]), isHexDigit(text[index + 2]) else {
                    return false
                }
                index += 2
            } else if !isLetter(byte), !isDigit(byte), !isAny(byte, of: "-._~!$&'()*+,;="), !isAny(byte, of: others) {
                return false
            }
            index += 1
        }
        return true
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func isAny(_ byte: UInt8, of characters: StaticString) -> Bool {
        UnsafeBufferPointer(start: characters.utf8Start, count: characters.utf8CodeUnitCount).contains(byte)
    }
}
