extension BSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral {
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Null.
    public init(nilLiteral: ()) { self = .null }
}

extension BSONValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    /// An integer, of 32 bits where it fits.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A floating-point number.
    public init(floatLiteral value: Double) { self = .double(value) }

    /// An integer, of 32 bits where it fits: what servers and shells do.
    public static func integer(_ value: some BinaryInteger) -> BSONValue {
        if let small = Int32(exactly: value) { return .int32(small) }
        return .int64(Int64(value))
    }
}

extension BSONValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    /// An array.
    public init(arrayLiteral elements: BSONValue...) { self = .array(elements) }
    /// An embedded document of these fields in this order.
    public init(dictionaryLiteral elements: (String, BSONValue)...) { self = .document(BSONDocument(elements)) }
}

extension BSONWriter {
    /// Appends a value of any type. Inside an array leave the name out.
    public mutating func append(_ key: String? = nil, _ value: BSONValue) {
        switch value {
        case .double(let value): append(key, double: value)
        case .string(let value): append(key, string: value)
        case .document(let value): append(key, document: value)
        case .array(let values):
            beginArray(key)
            for value in values { append(nil, value) }
            end()
        case .binary(let bytes, let subtype): append(key, binary: bytes, subtype: subtype)
        case .objectID(let value): append(key, objectID: value)
        case .bool(let value): append(key, bool: value)
        case .date(let value): append(key, date: value)
        case .null: appendNull(key)
        case .regex(let pattern, let options): append(key, regex: pattern, options: options)
        case .int32(let value): append(key, int32: value)
        case .int64(let value): append(key, int64: value)
        case .timestamp(let value): append(key, timestamp: value)
        case .decimal128(let value): append(key, decimal128: value)
        case .other(let type, let bytes):
            header(type, key)
            append(raw: bytes)
        }
    }
}
