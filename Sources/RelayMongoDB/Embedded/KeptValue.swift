import RelayCore

/// A value that is kept beyond the answer it came in, with its bytes as they were: a document of one field.
struct KeptValue {
    private let document: BSONDocument

    init(_ value: BSONValue) { document = BSONDocument([("v", value)]) }

    init(copying value: BSONRawValue) {
        var writer = BSONWriter()
        writer.append("v", copying: value)
        document = writer.finish()
    }

    /// Copies of an array's elements.
    static func elements(of array: BSONView) throws -> [KeptValue] {
        var kept: [KeptValue] = []
        var elements = array.elements
        while let element = try elements.next() { kept.append(KeptValue(copying: element.value)) }
        return kept
    }

    /// Lends the value in place.
    func withUnsafeValue<Result>(_ body: (BSONRawValue) throws -> Result) throws -> Result {
        try document.withView { view in
            guard let value = try view.value("v") else { throw BSONError(.truncated, offset: 0) }
            return try body(value)
        }
    }
}
