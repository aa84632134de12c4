/// Strings, hexadecimal and base64.
extension JSONSink {
    /// Writes `from..<to` as the inside of a JSON string, reserving room itself.
    ///
    /// Eight bytes at a time are stored first and looked at then: clean text costs one test a word.
    /// - Parameter readable: up to where bytes may be read, behind `to`.
    /// - Returns: the first byte that is not UTF-8, or nil.
    mutating func appendEscaped(
        from: UnsafeRawPointer, to: UnsafeRawPointer, readable: UnsafeRawPointer, containsNUL: inout Bool
    ) -> UnsafeRawPointer? {
        var at = from
        while at < to {
            // The worst case of a stretch is six bytes for one; long texts go in several stretches.
            let stretch = Swift.min(to - at, 4096)
            reserve(stretch &* 6 &+ 32)
            let stretchEnd = at + stretch
            var out = cursor
            while at < stretchEnd {
                if readable - at >= 8 {
                    let word = SWAR.load(at)
                    SWAR.store(word, out)
                    let flags = SWAR.special(word)
                    let left = to - at
                    let clean = flags == 0 ? 8 : SWAR.firstByte(flags)
                    if clean >= left {
                        out += left
                        at = to
                        break
                    }
                    at += clean
                    out += clean
                    if flags == 0 { continue }
                }
                let byte = at.load(as: UInt8.self)
                if byte >= 0x80 {
                    // Text beyond ASCII comes in runs.
                    repeat {
                        let length = UTF8Check.sequence(at, limit: to)
                        if length == 0 { return at }
                        if to - at >= 4 {
                            // Four bytes at once; those too many are overwritten.
                            let four = at.loadUnaligned(as: UInt32.self)
                            UnsafeMutableRawPointer(out).storeBytes(of: four, as: UInt32.self)
                        } else {
                            for index in 0..<length { out[index] = at.load(fromByteOffset: index, as: UInt8.self) }
                        }
                        at += length
                        out += length
                    } while at < stretchEnd && at.load(as: UInt8.self) >= 0x80
                } else {
                    out = JSONSink.escape(byte, to: out)
                    if byte == 0 { containsNUL = true }
                    at += 1
                }
            }
            cursor = out
        }
        return nil
    }

    @inline(__always) private static func escape(
        _ byte: UInt8, to out: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        if byte >= 0x20 && byte != 0x22 && byte != 0x5C {
            out[0] = byte
            return out + 1
        }
        out[0] = UInt8(ascii: "\\")
        switch byte {
        case 0x22, 0x5C: out[1] = byte
        case 0x08: out[1] = UInt8(ascii: "b")
        case 0x09: out[1] = UInt8(ascii: "t")
        case 0x0A: out[1] = UInt8(ascii: "n")
        case 0x0C: out[1] = UInt8(ascii: "f")
        case 0x0D: out[1] = UInt8(ascii: "r")
        default:
            out[1] = UInt8(ascii: "u")
            out[2] = UInt8(ascii: "0")
            out[3] = UInt8(ascii: "0")
            out[4] = UInt8(ascii: "0") + byte &>> 4
            out[5] = byte & 15 < 10 ? UInt8(ascii: "0") + byte & 15 : UInt8(ascii: "a") - 10 + byte & 15
            return out + 6
        }
        return out + 2
    }

    /// Writes `count` bytes, a multiple of 4, as hexadecimal. Room must be reserved.
    @inline(__always) mutating func put(hex source: UnsafeRawPointer, count: Int) {
        var offset = 0
        while offset < count {
            let four = UInt32(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            SWAR.store(JSONSink.hex(four), cursor)
            cursor += 8
            offset += 4
        }
    }

    /// Writes a UUID's 16 bytes in their canonical form, 36 characters. Room for 40 must be reserved.
    mutating func put(uuid source: UnsafeRawPointer) {
        func four(_ offset: Int) -> UInt64 {
            JSONSink.hex(UInt32(littleEndian: source.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        }
        let dash = UInt8(ascii: "-")
        let out = cursor
        // Every store of eight digits is cut in two where a dash follows the first four.
        SWAR.store(four(0), out)
        SWAR.store(four(4), out + 9)
        SWAR.store(four(4) &>> 32, out + 14)
        SWAR.store(four(8), out + 19)
        SWAR.store(four(8) &>> 32, out + 24)
        SWAR.store(four(12), out + 28)
        out[8] = dash
        out[13] = dash
        out[18] = dash
        out[23] = dash
        cursor += 36
    }

    /// Eight hexadecimal digits of four bytes, both in memory order.
    @inline(__always) private static func hex(_ four: UInt32) -> UInt64 {
        var word = UInt64(four)
        word = (word | word &<< 16) & 0x0000_FFFF_0000_FFFF
        word = (word | word &<< 8) & 0x00FF_00FF_00FF_00FF
        word = (word &>> 4 | word &<< 8) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = (word &+ 0x0606_0606_0606_0606) &>> 4 & SWAR.ones
        return word &+ 0x3030_3030_3030_3030 &+ letters &* 39
    }

    /// Writes bytes as base64 with padding (RFC 4648, section 4), reserving room itself.
    mutating func append(base64 bytes: UnsafeRawBufferPointer) {
        reserve((bytes.count + 2) / 3 * 4)
        guard let source = bytes.baseAddress else { return }
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        let digits = alphabet.utf8Start
        var offset = 0
        var out = cursor
        @inline(__always) func byte(_ index: Int) -> UInt32 {
            UInt32(source.load(fromByteOffset: index, as: UInt8.self))
        }
        while bytes.count - offset >= 3 {
            let group = byte(offset) &<< 16 | byte(offset + 1) &<< 8 | byte(offset + 2)
            out[0] = digits[Int(group &>> 18)]
            out[1] = digits[Int(group &>> 12 & 63)]
            out[2] = digits[Int(group &>> 6 & 63)]
            out[3] = digits[Int(group & 63)]
            out += 4
            offset += 3
        }
        let left = bytes.count - offset
        if left > 0 {
            let group = byte(offset) &<< 16 | (left == 2 ? byte(offset + 1) &<< 8 : 0)
            out[0] = digits[Int(group &>> 18)]
            out[1] = digits[Int(group &>> 12 & 63)]
            out[2] = left == 2 ? digits[Int(group &>> 6 & 63)] : UInt8(ascii: "=")
            out[3] = UInt8(ascii: "=")
            out += 4
        }
        cursor = out
    }
}
