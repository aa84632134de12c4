/// One method a type. Inside an array leave the name out.
extension BSONWriter {
    /// Appends a 64-bit floating-point number.
    public mutating func append(_ key: String? = nil, double value: Double) {
        header(.double, key)
        append(number: value.bitPattern)
    }

    /// Appends a string.
    public mutating func append(_ key: String? = nil, string value: String) {
        append(key, .string, text: value)
    }

    /// Appends a 32-bit integer.
    public mutating func append(_ key: String? = nil, int32 value: Int32) {
        header(.int32, key)
        append(number: value)
    }

    /// Appends a 64-bit integer.
    public mutating func append(_ key: String? = nil, int64 value: Int64) {
        header(.int64, key)
        append(number: value)
    }

    /// Appends a boolean.
    public mutating func append(_ key: String? = nil, bool value: Bool) {
        header(.bool, key)
        append(number: UInt8(value ? 1 : 0))
    }

    /// Appends a date: milliseconds since 1970 in UTC.
    public mutating func append(_ key: String? = nil, date milliseconds: Int64) {
        header(.date, key)
        append(number: milliseconds)
    }

    /// Appends an oplog timestamp.
    public mutating func append(_ key: String? = nil, timestamp value: BSONTimestamp) {
        header(.timestamp, key)
        append(number: value.bits)
    }

    /// Appends an ObjectId.
    public mutating func append(_ key: String? = nil, objectID value: BSONObjectID) {
        header(.objectID, key)
        append(raw: value.bytes)
    }

    /// Appends a decimal number.
    public mutating func append(_ key: String? = nil, decimal128 value: BSONDecimal128) {
        header(.decimal128, key)
        append(number: value.low)
        append(number: value.high)
    }

    /// Appends bytes; subtype 0 is plain bytes, 4 a UUID. The inner length of the obsolete
    /// subtype 2 is added.
    public mutating func append(_ key: String? = nil, binary bytes: some Collection<UInt8>, subtype: UInt8 = 0) {
        header(.binary, key)
        append(number: Int32(bytes.count + (subtype == 2 ? 4 : 0)))
        append(number: subtype)
        if subtype == 2 { append(number: Int32(bytes.count)) }
        append(raw: bytes)
    }

    /// Appends a regular expression. Neither part can hold NUL.
    public mutating func append(_ key: String? = nil, regex pattern: String, options: String = "") {
        header(.regex, key)
        appendCString(pattern)
        appendCString(options)
    }

    /// Appends null.
    public mutating func appendNull(_ key: String? = nil) { header(.null, key) }

    /// Appends a document that exists already.
    public mutating func append(_ key: String? = nil, document: BSONDocument) {
        header(.document, key)
        append(raw: document.bytes)
    }

    /// Appends a copy of a document that lies elsewhere.
    mutating func append(_ key: String? = nil, raw document: BSONView) {
        header(.document, key)
        append(raw: document.bytes)
    }

    /// Appends a copy of a value of any type under a name of its own.
    public mutating func append(_ key: String? = nil, copying value: BSONRawValue) {
        header(value.type, key)
        append(raw: value.bytes)
    }

    /// Appends a copy of an element, name included (in an array it is numbered instead). A name
    /// that is not UTF-8 is repaired.
    public mutating func append(copying element: BSONElement) {
        append(element.name, copying: element.value)
    }

    mutating func append(_ key: String?, _ type: BSONType, text: String) {
        header(type, key)
        append(number: Int32(text.utf8.count + 1))
        append(raw: text.utf8)
        append(number: UInt8(0))
    }
}
