/// A value in place: its type and its bytes, already checked to lie within the document. See
/// ``BSONView`` for how long it is valid.
///
/// Every accessor answers nil where the value is of another type.
public struct BSONRawValue {
    /// The value's type.
    public let type: BSONType
    let start: UnsafeRawPointer
    let count: Int

    /// The value's bytes as they lie in the document.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// The bytes of a string, code or symbol without the closing zero. Not checked to be UTF-8.
    public var utf8: UnsafeRawBufferPointer? {
        guard type == .string || type == .symbol || type == .code else { return nil }
        return UnsafeRawBufferPointer(start: start + 4, count: count - 5)
    }

    /// A string's text, for cold paths; nil where it is not UTF-8.
    public var string: String? {
        guard let utf8 else { return nil }
        return String(validating: utf8, as: UTF8.self)
    }

    /// A 32-bit integer.
    public var int32: Int32? { type == .int32 ? BSONLayout.int32(start) : nil }

    /// An integer of 64 or 32 bits.
    public var int64: Int64? {
        switch type {
        case .int64: BSONLayout.int64(start)
        case .int32: Int64(BSONLayout.int32(start))
        default: nil
        }
    }

    /// A floating-point number.
    public var double: Double? {
        type == .double ? Double(bitPattern: UInt64(bitPattern: BSONLayout.int64(start))) : nil
    }

    /// Any number that is integral and fits 64 bits: servers answer counts in whichever type they
    /// like.
    public var integral: Int64? { int64 ?? double.flatMap { Int64(exactly: $0) } }

    /// A boolean.
    public var bool: Bool? { type == .bool ? start.load(as: UInt8.self) == 1 : nil }

    /// A date: milliseconds since 1970 in UTC.
    public var date: Int64? { type == .date ? BSONLayout.int64(start) : nil }

    /// An oplog timestamp.
    public var timestamp: BSONTimestamp? {
        type == .timestamp ? BSONTimestamp(UInt64(bitPattern: BSONLayout.int64(start))) : nil
    }

    /// An ObjectId.
    public var objectID: BSONObjectID? { type == .objectID ? BSONObjectID(at: start) : nil }

    /// A decimal number.
    public var decimal128: BSONDecimal128? {
        guard type == .decimal128 else { return nil }
        return BSONDecimal128(
            high: UInt64(bitPattern: BSONLayout.int64(start + 8)), low: UInt64(bitPattern: BSONLayout.int64(start)))
    }

    /// An embedded document.
    public var document: BSONView? {
        type == .document ? BSONView(uncheckedBase: start, count: count) : nil
    }

    /// An array, as the document that it is.
    public var array: BSONView? {
        type == .array ? BSONView(uncheckedBase: start, count: count) : nil
    }

    /// A binary's subtype and bytes. Those of the obsolete subtype 2 come without their inner length.
    public var binary: (subtype: UInt8, bytes: UnsafeRawBufferPointer)? {
        guard type == .binary else { return nil }
        let subtype = start.load(fromByteOffset: 4, as: UInt8.self)
        let header = subtype == 2 ? 9 : 5
        return (subtype, UnsafeRawBufferPointer(start: start + header, count: count - header))
    }

    /// The bytes of a binary of one subtype.
    public func binary(_ subtype: UInt8) -> UnsafeRawBufferPointer? {
        guard let binary, binary.subtype == subtype else { return nil }
        return binary.bytes
    }

    /// Whether the value is null.
    public var isNull: Bool { type == .null }
}
