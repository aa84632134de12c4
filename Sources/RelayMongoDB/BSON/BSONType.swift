/// The type byte in front of every BSON element, as bsonspec.org lists them.
///
/// A struct and not an enumeration, so that a hostile byte is a value that can be named in an
/// error; ``isKnown`` tells whether the specification defines it.
public struct BSONType: RawRepresentable, Sendable, Hashable {
    /// The byte itself.
    public let rawValue: UInt8

    /// A type from its byte, known or not.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// 64-bit IEEE 754 number.
    public static let double = BSONType(rawValue: 0x01)
    /// UTF-8 string.
    public static let string = BSONType(rawValue: 0x02)
    /// Embedded document.
    public static let document = BSONType(rawValue: 0x03)
    /// Array: a document whose keys are ignored.
    public static let array = BSONType(rawValue: 0x04)
    /// Bytes with a subtype.
    public static let binary = BSONType(rawValue: 0x05)
    /// Deprecated `undefined`.
    public static let undefined = BSONType(rawValue: 0x06)
    /// 12-byte ObjectId.
    public static let objectID = BSONType(rawValue: 0x07)
    /// One byte, 0 or 1.
    public static let bool = BSONType(rawValue: 0x08)
    /// Milliseconds since 1970 in UTC, signed.
    public static let date = BSONType(rawValue: 0x09)
    /// Null.
    public static let null = BSONType(rawValue: 0x0A)
    /// Regular expression: pattern and options.
    public static let regex = BSONType(rawValue: 0x0B)
    /// Deprecated DBPointer: namespace and ObjectId.
    public static let dbPointer = BSONType(rawValue: 0x0C)
    /// JavaScript code.
    public static let code = BSONType(rawValue: 0x0D)
    /// Deprecated symbol.
    public static let symbol = BSONType(rawValue: 0x0E)
    /// Deprecated JavaScript code with a scope document.
    public static let codeWithScope = BSONType(rawValue: 0x0F)
    /// 32-bit signed integer.
    public static let int32 = BSONType(rawValue: 0x10)
    /// Oplog timestamp: seconds and increment.
    public static let timestamp = BSONType(rawValue: 0x11)
    /// 64-bit signed integer.
    public static let int64 = BSONType(rawValue: 0x12)
    /// IEEE 754-2008 decimal number of 34 digits.
    public static let decimal128 = BSONType(rawValue: 0x13)
    /// Sorts after everything.
    public static let maxKey = BSONType(rawValue: 0x7F)
    /// Sorts before everything.
    public static let minKey = BSONType(rawValue: 0xFF)

    /// Whether the specification defines this type.
    public var isKnown: Bool { (0x01...0x13).contains(rawValue) || rawValue == 0x7F || rawValue == 0xFF }
}
