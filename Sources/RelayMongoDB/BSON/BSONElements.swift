/// One element of a document: name and value, both in place. See ``BSONView`` for how long.
public struct BSONElement {
    /// The field name's bytes, without the closing zero; in an array usually the index. They are
    /// not yet checked to be UTF-8.
    public let key: UnsafeRawBufferPointer
    /// The value.
    public let value: BSONRawValue

    /// The field name as text, for cold paths.
    public var name: String { String(decoding: key, as: UTF8.self) }

    /// Whether the name is `text`.
    public func isNamed(_ text: StaticString) -> Bool {
        key.elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}

/// Walks a document's elements, checking each before it hands it out.
///
/// Not a `Sequence`, since any step may find damage:
///
///     var elements = view.elements
///     while let element = try elements.next() { … }
///
/// Checks types, lengths, terminators and booleans of this level. Text is checked where it is
/// used, nested documents where they are walked; ``BSONView/validate()`` does it all.
public struct BSONElements {
    private let origin: UnsafeRawPointer
    private let last: UnsafeRawPointer
    private var position: UnsafeRawPointer

    init(_ view: BSONView) {
        origin = view.base
        last = view.base + (view.count - 1)
        position = view.base + 4
    }

    /// The next element, or nil behind the last one.
    public mutating func next() throws(BSONError) -> BSONElement? {
        guard position < last else { return nil }
        let type = position.load(as: UInt8.self)
        let key = position + 1
        guard let keyEnd = BSONLayout.zero(from: key, to: last) else {
            throw BSONError(.unterminatedKey, offset: key - origin)
        }
        let value = keyEnd + 1
        let length = try BSONLayout.length(of: type, at: value, limit: last, origin: origin)
        position = value + length
        return BSONElement(
            key: UnsafeRawBufferPointer(start: key, count: keyEnd - key),
            value: BSONRawValue(type: BSONType(rawValue: type), start: value, count: length))
    }
}
