/// A BSON value that owns what it holds, for cold paths: commands, replies, tests.
public enum BSONValue: Sendable, Hashable {
    /// 64-bit floating-point number.
    case double(Double)
    /// UTF-8 string.
    case string(String)
    /// Embedded document.
    case document(BSONDocument)
    /// Array.
    case array([BSONValue])
    /// Bytes and their subtype: 0 plain, 4 UUID.
    case binary([UInt8], subtype: UInt8)
    /// ObjectId.
    case objectID(BSONObjectID)
    /// Boolean.
    case bool(Bool)
    /// Milliseconds since 1970 in UTC.
    case date(Int64)
    /// Null.
    case null
    /// Regular expression.
    case regex(pattern: String, options: String)
    /// 32-bit integer.
    case int32(Int32)
    /// 64-bit integer.
    case int64(Int64)
    /// Oplog timestamp.
    case timestamp(BSONTimestamp)
    /// Decimal number.
    case decimal128(BSONDecimal128)
    /// Any other type, as its bytes: code, symbol, minKey and the like.
    case other(BSONType, [UInt8])

    /// The bytes of a document that exists already, such as a resume token.
    public static func raw(_ document: BSONDocument) -> BSONValue { .document(document) }

    /// A copy of a value in place. Text that is not UTF-8 is repaired; arrays nested deeper than
    /// ``BSONView/maximumDepth`` become ``other(_:_:)``.
    public init(_ value: BSONRawValue) { self.init(value, depth: 1) }

    private init(_ value: BSONRawValue, depth: Int) {
        switch value.type {
        case .double: self = .double(value.double!)
        case .string: self = .string(String(decoding: value.utf8!, as: UTF8.self))
        case .document: self = .document(BSONDocument(unchecked: Array(value.bytes)))
        case .array where depth <= BSONView.maximumDepth:
            var items: [BSONValue] = []
            var elements = value.array!.elements
            while let element = try? elements.next() { items.append(BSONValue(element.value, depth: depth + 1)) }
            self = .array(items)
        case .binary: self = .binary(Array(value.binary!.bytes), subtype: value.binary!.subtype)
        case .objectID: self = .objectID(value.objectID!)
        case .bool: self = .bool(value.bool!)
        case .date: self = .date(value.date!)
        case .null: self = .null
        case .regex:
            let parts = value.bytes.split(separator: 0, omittingEmptySubsequences: false)
            self = .regex(
                pattern: String(decoding: parts[0], as: UTF8.self), options: String(decoding: parts[1], as: UTF8.self))
        case .int32: self = .int32(value.int32!)
        case .int64: self = .int64(value.int64!)
        case .timestamp: self = .timestamp(value.timestamp!)
        case .decimal128: self = .decimal128(value.decimal128!)
        default: self = .other(value.type, Array(value.bytes))
        }
    }
}

/// The value where it is of the type asked for, else nil.
extension BSONValue {
    /// An embedded document.
    public var document: BSONDocument? { if case .document(let value) = self { value } else { nil } }
    /// An array's values.
    public var array: [BSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// A string.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// A boolean.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// Milliseconds since 1970 in UTC.
    public var date: Int64? { if case .date(let value) = self { value } else { nil } }
    /// An oplog timestamp.
    public var timestamp: BSONTimestamp? { if case .timestamp(let value) = self { value } else { nil } }
    /// An ObjectId.
    public var objectID: BSONObjectID? { if case .objectID(let value) = self { value } else { nil } }
    /// A decimal number.
    public var decimal128: BSONDecimal128? { if case .decimal128(let value) = self { value } else { nil } }
    /// A binary's bytes, of whichever subtype.
    public var binary: [UInt8]? { if case .binary(let value, _) = self { value } else { nil } }
    /// A UUID's 16 bytes (subtype 4).
    public var uuid: [UInt8]? {
        if case .binary(let value, 4) = self, value.count == 16 { value } else { nil }
    }
    /// A 64-bit floating-point number.
    public var double: Double? { if case .double(let value) = self { value } else { nil } }
    /// Whether the value is null.
    public var isNull: Bool { self == .null }

    /// A number of any type that is integral and fits 64 bits: servers answer counts in whichever
    /// type they like.
    public var int64: Int64? {
        switch self {
        case .int32(let value): Int64(value)
        case .int64(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// ``int64`` as `Int`.
    public var int: Int? { int64.map { Int($0) } }
}
