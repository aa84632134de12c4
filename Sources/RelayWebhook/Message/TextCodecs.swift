/// Hexadecimal.
enum Hex {
    enum Case { case lower, upper }

    /// The digit for 0 to 15.
    @inline(__always)
    static func digit(_ value: UInt8, _ letters: Case) -> UInt8 {
        if value < 10 { return UInt8(ascii: "0") + value }
        return UInt8(ascii: letters == .lower ? "a" : "A") - 10 + value
    }

    /// Two lower-case digits for each byte, behind `prefix`.
    static func string(_ bytes: UnsafeRawBufferPointer, prefix: StaticString = "") -> String {
        let start = prefix.utf8CodeUnitCount
        return String(unsafeUninitializedCapacity: start + 2 * bytes.count) { text in
            for index in 0..<start { text[index] = prefix.utf8Start[index] }
            for (index, byte) in bytes.enumerated() {
                text[start + 2 * index] = digit(byte &>> 4, .lower)
                text[start + 2 * index + 1] = digit(byte & 15, .lower)
            }
            return start + 2 * bytes.count
        }
    }
}

/// Base64 with padding (RFC 4648, section 4).
enum Base64 {
    /// The number of characters for so many bytes.
    static func count(of bytes: Int) -> Int { (bytes + 2) / 3 * 4 }

    /// Writes `bytes` and returns the number of characters, for which there must be room.
    static func write(_ bytes: UnsafeRawBufferPointer, to out: UnsafeMutableRawBufferPointer) -> Int {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        let digits = alphabet.utf8Start
        var place = 0
        var index = 0
        while bytes.count - index >= 3 {
            let group = UInt32(bytes[index]) &<< 16 | UInt32(bytes[index + 1]) &<< 8 | UInt32(bytes[index + 2])
            out[place] = digits[Int(group &>> 18)]
            out[place + 1] = digits[Int(group &>> 12 & 63)]
            out[place + 2] = digits[Int(group &>> 6 & 63)]
            out[place + 3] = digits[Int(group & 63)]
            index += 3
            place += 4
        }
        let left = bytes.count - index
        guard left > 0 else { return place }
        let group = UInt32(bytes[index]) &<< 16 | (left == 2 ? UInt32(bytes[index + 1]) &<< 8 : 0)
        out[place] = digits[Int(group &>> 18)]
        out[place + 1] = digits[Int(group &>> 12 & 63)]
        out[place + 2] = left == 2 ? digits[Int(group &>> 6 & 63)] : UInt8(ascii: "=")
        out[place + 3] = UInt8(ascii: "=")
        return place + 4
    }
}

/// Percent-encoding of UTF-8 with upper-case digits.
enum PercentText {
    /// ASCII characters that stay as they are.
    struct Kept {
        private let low: UInt64
        private let high: UInt64

        /// What a `webhook-id` may hold: letters, digits, `_` and `-`. A `.` would separate the parts of what is signed.
        static let identifier = Kept { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }

        /// What CloudEvents keeps in a header: visible ASCII without `"` and `%`.
        static let attributeHeader = Kept { byte in
            (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "%")
        }

        private init(_ isKept: (UInt8) -> Bool) {
            func bits(_ first: UInt8) -> UInt64 {
                (0..<64).reduce(0) { $0 | (isKept(first + UInt8($1)) ? 1 &<< UInt64($1) : 0) }
            }
            low = bits(0)
            high = bits(64)
        }

        @inline(__always)
        func contains(_ byte: UInt8) -> Bool {
            byte < 128 && (byte < 64 ? low : high) &>> UInt64(byte & 63) & 1 == 1
        }
    }

    /// The number of characters that `text` takes encoded.
    static func count(of text: UnsafeRawBufferPointer, keeping kept: Kept) -> Int {
        var count = text.count
        for byte in text where !kept.contains(byte) { count += 2 }
        return count
    }

    /// `text` encoded.
    static func string(_ text: UnsafeRawBufferPointer, keeping kept: Kept) -> String {
        let count = count(of: text, keeping: kept)
        if count == text.count { return String(decoding: text, as: UTF8.self) }
        return String(unsafeUninitializedCapacity: count) { out in
            var place = 0
            for byte in text {
                if kept.contains(byte) {
                    out[place] = byte
                    place += 1
                } else {
                    out[place] = UInt8(ascii: "%")
                    out[place + 1] = Hex.digit(byte &>> 4, .upper)
                    out[place + 2] = Hex.digit(byte & 15, .upper)
                    place += 3
                }
            }
            return place
        }
    }
}
