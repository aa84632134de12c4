/// Well-formed UTF-8 as the Unicode standard's table 3-7 has it: no overlong forms, no surrogates,
/// nothing above U+10FFFF.
enum UTF8Check {
    /// The length of the multi-byte sequence at `at`, whose first byte is not ASCII; 0 where it is
    /// not well formed or reaches past `limit`.
    @inline(__always) static func sequence(_ at: UnsafeRawPointer, limit: UnsafeRawPointer) -> Int {
        let room = limit - at
        if room >= 4 { return sequence(UInt32(littleEndian: at.loadUnaligned(as: UInt32.self))) }
        let lead = at.load(as: UInt8.self)
        guard room >= 2, lead >= 0xC2 else { return 0 }
        let second = at.load(fromByteOffset: 1, as: UInt8.self)
        if lead < 0xE0 { return second & 0xC0 == 0x80 ? 2 : 0 }
        guard room >= 3, at.load(fromByteOffset: 2, as: UInt8.self) & 0xC0 == 0x80 else { return 0 }
        if lead < 0xF0 {
            let low: UInt8 = lead == 0xE0 ? 0xA0 : 0x80
            let high: UInt8 = lead == 0xED ? 0x9F : 0xBF
            return second >= low && second <= high ? 3 : 0
        }
        return 0
    }

    /// The same for the four bytes at hand: marker bits of all of a form's bytes in one comparison,
    /// then the few bits that tell overlong forms, surrogates and what is beyond U+10FFFF.
    @inline(__always) private static func sequence(_ word: UInt32) -> Int {
        if word & 0xC0E0 == 0x80C0 { return word & 0x1E != 0 ? 2 : 0 }
        if word & 0xC0_C0F0 == 0x80_80E0 {
            let bits = word & 0x200F
            return bits != 0 && bits != 0x200D ? 3 : 0
        }
        guard word & 0xC0C0_C0F8 == 0x8080_80F0 else { return 0 }
        let plane = (word & 7) &<< 2 | (word &>> 12) & 3
        return plane >= 1 && plane <= 16 ? 4 : 0
    }

    /// The first byte that is not part of well-formed UTF-8, or nil where all are.
    static func firstInvalid(from: UnsafeRawPointer, to: UnsafeRawPointer) -> UnsafeRawPointer? {
        var at = from
        while at < to {
            if to - at >= 8 {
                let flags = SWAR.load(at) & SWAR.highs
                if flags == 0 {
                    at += 8
                    continue
                }
                at += SWAR.firstByte(flags)
            }
            if at.load(as: UInt8.self) < 0x80 {
                at += 1
                continue
            }
            let length = sequence(at, limit: to)
            if length == 0 { return at }
            at += length
        }
        return nil
    }
}
