/// A document's bytes, read in place: owns nothing, copies nothing, allocates nothing.
///
/// Lifetime: a view, its elements and values, and every buffer they hand out, point into the
/// bytes it was made from. They are valid only while those bytes stay where they are and unchanged:
/// inside the closure that lent them (``BSONDocument/withView(_:)``), or until the driver's next
/// call for a borrowed reply. Never store one beyond that; copy with ``BSONDocument/init(copying:)``.
/// It is not `Sendable` for the same reason.
///
/// Whatever the bytes are, nothing outside them is read: damage is a ``BSONError``.
public struct BSONView {
    /// Levels of documents and arrays, the outermost included, that are read. The server itself
    /// stops at 200.
    public static let maximumDepth = 256

    let base: UnsafeRawPointer
    let count: Int

    /// A view of exactly these bytes.
    ///
    /// Checks length and terminator; elements are checked when they are walked, all of them and
    /// their nested documents by ``validate()``.
    /// - Throws: ``BSONError`` where the stated length is not the number of bytes.
    public init(_ bytes: UnsafeRawBufferPointer) throws(BSONError) {
        try self.init(prefixOf: bytes)
        guard count == bytes.count else { throw BSONError(.invalidLength, offset: 0) }
    }

    /// A view of the document at the start of these bytes, which may hold more.
    /// - Throws: ``BSONError`` where the bytes end before the document does.
    public init(prefixOf bytes: UnsafeRawBufferPointer) throws(BSONError) {
        guard let base = bytes.baseAddress, bytes.count >= 5 else { throw BSONError(.truncated, offset: 0) }
        let length = Int(BSONLayout.int32(base))
        guard length >= 5 else { throw BSONError(.invalidLength, offset: 0) }
        guard length <= bytes.count else { throw BSONError(.truncated, offset: 0) }
        guard base.load(fromByteOffset: length - 1, as: UInt8.self) == 0 else {
            throw BSONError(.missingTerminator, offset: length - 1)
        }
        self.base = base
        self.count = length
    }

    /// A view of a document whose length and terminator were checked already.
    init(uncheckedBase base: UnsafeRawPointer, count: Int) {
        self.base = base
        self.count = count
    }

    /// The document's bytes, length and terminator included.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Whether the document has no elements.
    public var isEmpty: Bool { count == 5 }

    /// The elements in their order. See ``BSONElements``.
    public var elements: BSONElements { BSONElements(self) }
}
