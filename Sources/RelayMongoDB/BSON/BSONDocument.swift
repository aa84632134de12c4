/// A BSON document that owns its bytes, for commands, replies, tokens and tests.
///
///     let command: BSONDocument = ["aggregate": "outbox", "cursor": ["batchSize": 2000]]
///     let id = reply["cursor"]?.document?["id"]?.int64
///
/// Fields keep their order. For the hot path see ``BSONView``.
public struct BSONDocument: Sendable, Hashable {
    /// The document's bytes.
    public let bytes: [UInt8]

    /// An empty document.
    public init() { bytes = [5, 0, 0, 0, 0] }

    /// A document from bytes that somebody else made.
    /// - Throws: ``BSONError`` unless all of it is sound (``BSONView/validate()``).
    public init(_ bytes: [UInt8]) throws(BSONError) {
        var failure: BSONError?
        bytes.withUnsafeBytes { buffer in
            do throws(BSONError) { try BSONView(buffer).validate() } catch { failure = error }
        }
        if let failure { throw failure }
        self.bytes = bytes
    }

    /// A copy of a borrowed document.
    /// - Throws: ``BSONError`` unless all of it is sound (``BSONView/validate()``).
    public init(copying view: BSONView) throws(BSONError) {
        try view.validate()
        bytes = Array(view.bytes)
    }

    /// A document of these fields in this order.
    public init(_ fields: some Sequence<(String, BSONValue)>) {
        var writer = BSONWriter()
        for (key, value) in fields { writer.append(key, value) }
        self = writer.finish()
    }

    /// A document of bytes that are known to be sound.
    init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// Lends a view of the bytes to `body`.
    public func withView<Result>(_ body: (BSONView) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { try body(BSONView(uncheckedBase: $0.baseAddress!, count: $0.count)) }
    }

    /// The value of the first field of this name, or nil.
    public subscript(key: String) -> BSONValue? {
        withView { view in
            guard let value = try? view.value(key) else { return nil }
            return BSONValue(value)
        }
    }

    /// The value at a dotted path, or nil. See ``BSONView/value(atPath:)``.
    public subscript(path path: String) -> BSONValue? {
        withView { view in
            guard let value = try? view.value(atPath: path) else { return nil }
            return BSONValue(value)
        }
    }

    /// All fields in their order.
    public var fields: [(key: String, value: BSONValue)] {
        withView { view in
            var fields: [(key: String, value: BSONValue)] = []
            var elements = view.elements
            while let element = try? elements.next() { fields.append((element.name, BSONValue(element.value))) }
            return fields
        }
    }

    /// Whether the document has no fields.
    public var isEmpty: Bool { bytes.count == 5 }

    /// This document with one more field behind the others.
    public func appending(_ key: String, _ value: BSONValue) -> BSONDocument {
        var writer = BSONWriter(capacity: bytes.count + 64)
        writer.append(raw: bytes[4..<(bytes.count - 1)])
        writer.append(key, value)
        return writer.finish()
    }
}

extension BSONDocument: ExpressibleByDictionaryLiteral {
    /// A document of these fields in this order.
    public init(dictionaryLiteral elements: (String, BSONValue)...) { self.init(elements) }
}

extension BSONDocument: CustomStringConvertible {
    /// The number of bytes and never their content, so that a document in a log line shows nothing.
    public var description: String { "BSONDocument(\(bytes.count) bytes)" }
}
