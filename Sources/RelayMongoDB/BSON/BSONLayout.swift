#if canImport(Glibc)
import Glibc
#endif

/// Where BSON values end: the one place that turns untrusted lengths into pointers.
enum BSONLayout {
    @inline(__always) static func int32(_ at: UnsafeRawPointer) -> Int32 {
        Int32(littleEndian: at.loadUnaligned(as: Int32.self))
    }

    @inline(__always) static func int64(_ at: UnsafeRawPointer) -> Int64 {
        Int64(littleEndian: at.loadUnaligned(as: Int64.self))
    }

    /// The first zero byte in `from..<to`.
    @inline(__always) static func zero(from: UnsafeRawPointer, to: UnsafeRawPointer) -> UnsafeRawPointer? {
        var at = from
        while to - at >= 8 {
            let flags = SWAR.zeros(SWAR.load(at))
            if flags != 0 { return at + SWAR.firstByte(flags) }
            at += 8
        }
        while at < to {
            if at.load(as: UInt8.self) == 0 { return at }
            at += 1
        }
        return nil
    }

    /// The number of bytes of the value of type `type` at `value`.
    ///
    /// `limit` is the enclosing document's terminator: a value must end at or before it. Checks
    /// lengths, terminators and booleans, not text and not the elements of nested documents.
    static func length(
        of type: UInt8, at value: UnsafeRawPointer, limit: UnsafeRawPointer, origin: UnsafeRawPointer
    ) throws(BSONError) -> Int {
        let fixed: Int
        switch type {
        case 0x01, 0x09, 0x11, 0x12: fixed = 8
        case 0x10: fixed = 4
        case 0x07: fixed = 12
        case 0x13: fixed = 16
        case 0x06, 0x0A, 0x7F, 0xFF: fixed = 0
        case 0x08:
            guard limit - value >= 1 else { throw BSONError(.truncated, offset: value - origin) }
            guard value.load(as: UInt8.self) <= 1 else { throw BSONError(.invalidBoolean, offset: value - origin) }
            fixed = 1
        case 0x02, 0x0D, 0x0E: return try 4 + stringLength(at: value, limit: limit, origin: origin)
        case 0x03, 0x04: return try documentLength(at: value, limit: limit, origin: origin)
        case 0x05: return try 5 + binaryLength(at: value, limit: limit, origin: origin)
        case 0x0B:
            guard let pattern = zero(from: value, to: limit), let options = zero(from: pattern + 1, to: limit) else {
                throw BSONError(.unterminatedKey, offset: value - origin)
            }
            return options + 1 - value
        case 0x0C: fixed = try 4 + stringLength(at: value, limit: limit, origin: origin) + 12
        case 0x0F: return try scopedCodeLength(at: value, limit: limit, origin: origin)
        default: throw BSONError(.unknownType, offset: value - origin)
        }
        guard limit - value >= fixed else { throw BSONError(.truncated, offset: value - origin) }
        return fixed
    }

    /// The stated length of the string at `at`: its bytes and the closing zero, which is there.
    @inline(__always) static func stringLength(
        at: UnsafeRawPointer, limit: UnsafeRawPointer, origin: UnsafeRawPointer
    ) throws(BSONError) -> Int {
        guard limit - at >= 5 else { throw BSONError(.truncated, offset: at - origin) }
        let length = Int(int32(at))
        guard length >= 1 else { throw BSONError(.invalidLength, offset: at - origin) }
        guard length <= limit - at - 4 else { throw BSONError(.truncated, offset: at - origin) }
        guard at.load(fromByteOffset: 3 + length, as: UInt8.self) == 0 else {
            throw BSONError(.missingTerminator, offset: at - origin)
        }
        return length
    }

    /// The length of the document at `at`, whose terminator is there.
    @inline(__always) static func documentLength(
        at: UnsafeRawPointer, limit: UnsafeRawPointer, origin: UnsafeRawPointer
    ) throws(BSONError) -> Int {
        guard limit - at >= 5 else { throw BSONError(.truncated, offset: at - origin) }
        let length = Int(int32(at))
        guard length >= 5 else { throw BSONError(.invalidLength, offset: at - origin) }
        guard length <= limit - at else { throw BSONError(.truncated, offset: at - origin) }
        guard at.load(fromByteOffset: length - 1, as: UInt8.self) == 0 else {
            throw BSONError(.missingTerminator, offset: at - origin)
        }
        return length
    }

    /// The number of bytes behind length and subtype of the binary at `at`.
    static func binaryLength(
        at: UnsafeRawPointer, limit: UnsafeRawPointer, origin: UnsafeRawPointer
    ) throws(BSONError) -> Int {
        guard limit - at >= 5 else { throw BSONError(.truncated, offset: at - origin) }
        let length = Int(int32(at))
        guard length >= 0 else { throw BSONError(.invalidLength, offset: at - origin) }
        guard length <= limit - at - 5 else { throw BSONError(.truncated, offset: at - origin) }
        // Subtype 2 repeats its length inside.
        if at.load(fromByteOffset: 4, as: UInt8.self) == 2 {
            guard length >= 4, Int(int32(at + 5)) == length - 4 else {
                throw BSONError(.invalidLength, offset: at + 5 - origin)
            }
        }
        return length
    }

    private static func scopedCodeLength(
        at: UnsafeRawPointer, limit: UnsafeRawPointer, origin: UnsafeRawPointer
    ) throws(BSONError) -> Int {
        guard limit - at >= 14 else { throw BSONError(.truncated, offset: at - origin) }
        let length = Int(int32(at))
        guard length >= 14 else { throw BSONError(.invalidLength, offset: at - origin) }
        guard length <= limit - at else { throw BSONError(.truncated, offset: at - origin) }
        let end = at + length
        let scope = try at + 8 + stringLength(at: at + 4, limit: end, origin: origin)
        guard try scope + documentLength(at: scope, limit: end, origin: origin) == end else {
            throw BSONError(.invalidLength, offset: at - origin)
        }
        return length
    }
}
