/// A MongoDB ObjectId: 12 bytes, printed as 24 hexadecimal digits.
public struct BSONObjectID: Sendable, Hashable, CustomStringConvertible {
    let head: UInt64
    let tail: UInt32

    init(at bytes: UnsafeRawPointer) {
        head = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        tail = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    }

    /// An ObjectId from its bytes; nil unless there are 12.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 12 else { return nil }
        head = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        tail = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The smallest ObjectId of the second that a time lies in, in milliseconds since 1970.
    init(earliestAt milliseconds: Int64) {
        head = UInt64(UInt32(clamping: milliseconds / 1000)) << 32
        tail = 0
    }

    /// An ObjectId from 24 hexadecimal digits in either case; nil for anything else.
    public init?(_ text: String) {
        let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 24, text.utf8.count == 24 else { return nil }
        self.init((0..<12).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) })
    }

    /// The 12 bytes.
    public var bytes: [UInt8] {
        withUnsafeBytes(of: head.bigEndian, Array.init) + withUnsafeBytes(of: tail.bigEndian, Array.init)
    }

    /// 24 hexadecimal digits in lower case.
    public var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// A position in a cluster's oplog: seconds since 1970 and an increment within the second.
public struct BSONTimestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Seconds since 1970.
    public var seconds: UInt32
    /// The increment within the second.
    public var increment: UInt32

    /// A timestamp of its parts.
    public init(seconds: UInt32, increment: UInt32) {
        self.seconds = seconds
        self.increment = increment
    }

    /// A timestamp of its 64 bits, seconds in the upper half.
    public init(_ bits: UInt64) {
        self.init(seconds: UInt32(truncatingIfNeeded: bits >> 32), increment: UInt32(truncatingIfNeeded: bits))
    }

    /// The 64 bits, seconds in the upper half; they order as timestamps do.
    public var bits: UInt64 { UInt64(seconds) << 32 | UInt64(increment) }

    /// Whether one timestamp is earlier than another.
    public static func < (a: BSONTimestamp, b: BSONTimestamp) -> Bool { a.bits < b.bits }

    /// `seconds.increment`
    public var description: String { "\(seconds).\(increment)" }
}
