/// Eight bytes at a time in one integer register ("SIMD within a register"). Bytes are numbered
/// as they lie in memory.
enum SWAR {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highs: UInt64 = 0x8080_8080_8080_8080

    @inline(__always) static func load(_ at: UnsafeRawPointer) -> UInt64 {
        UInt64(littleEndian: at.loadUnaligned(as: UInt64.self))
    }

    @inline(__always) static func store(_ word: UInt64, _ to: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(to).storeBytes(of: word.littleEndian, as: UInt64.self)
    }

    /// High bits set from the first zero byte on; bits above it mean nothing.
    @inline(__always) static func zeros(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }

    /// High bits that mark the first byte which JSON text cannot hold as it is: a control
    /// character, a quote, a backslash, or anything that is not ASCII. Borrows may mark bytes
    /// behind the first one wrongly, never before it.
    @inline(__always) static func special(_ word: UInt64) -> UInt64 {
        let control = word &- 0x2020_2020_2020_2020
        let quote = (word ^ 0x2222_2222_2222_2222) &- ones
        let backslash = (word ^ 0x5C5C_5C5C_5C5C_5C5C) &- ones
        return (word | control | quote | backslash) & highs
    }

    /// The index of the first byte marked in `flags`, which are not 0.
    @inline(__always) static func firstByte(_ flags: UInt64) -> Int { flags.trailingZeroBitCount &>> 3 }
}
