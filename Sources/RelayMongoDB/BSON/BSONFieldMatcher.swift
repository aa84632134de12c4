#if canImport(Glibc)
import Glibc
#endif

/// Finds a fixed set of fields in documents, in one pass over each and without allocating.
///
///     let matcher = BSONFieldMatcher(["_id", "payload", "meta.trace"])
///     let values = BSONFieldValues(for: matcher)      // once
///     try matcher.match(document, into: values)       // per document
///     values[0]?.objectID
///
/// The whole top level is walked, so damage there is found even behind the last wanted field. Of
/// fields with the same name the first counts. A name with a dot is a path, resolved by itself
/// (``BSONView/value(atPath:)``), unless a top-level field has exactly that name.
public final class BSONFieldMatcher: Sendable {
    /// The names, as given; a value's index is its name's.
    public let fields: [String]

    private struct Name {
        /// The first eight bytes, zero-padded.
        var word: UInt64
        var bytes: UnsafeMutablePointer<UInt8>
        var length: Int
    }

    // Written once in the initialiser, then only read.
    nonisolated(unsafe) private let names: UnsafeMutablePointer<Name>
    private let paths: [Int]

    /// A matcher for these names.
    public init(_ fields: [String]) {
        self.fields = fields
        names = .allocate(capacity: Swift.max(fields.count, 1))
        for (index, field) in fields.enumerated() {
            let utf8 = Array(field.utf8)
            let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: utf8.count + 8)
            bytes.initialize(repeating: 0, count: utf8.count + 8)
            for (offset, byte) in utf8.enumerated() { bytes[offset] = byte }
            let word = BSONFieldMatcher.mask(SWAR.load(bytes), to: utf8.count)
            (names + index).initialize(to: Name(word: word, bytes: bytes, length: utf8.count))
        }
        paths = fields.indices.filter { fields[$0].utf8.contains(UInt8(ascii: ".")) }
    }

    deinit {
        for index in fields.indices { names[index].bytes.deallocate() }
        names.deallocate()
    }

    /// Looks the fields up in `document`; every value of `values` is replaced.
    ///
    /// The values point into the document's bytes: see ``BSONView``.
    /// - Throws: ``BSONError`` for damage on the top level; `values` are then meaningless.
    public func match(_ document: BSONView, into values: BSONFieldValues) throws(BSONError) {
        let count = fields.count
        precondition(values.count == count, "the values were made for another matcher")
        let found = values.storage
        for index in 0..<count { found[index] = nil }
        let origin = document.base
        let last = origin + (document.count - 1)
        var at = origin + 4
        while at < last {
            let type = at.load(as: UInt8.self)
            let key = at + 1
            guard let keyEnd = BSONLayout.zero(from: key, to: last) else {
                throw BSONError(.unterminatedKey, offset: key - origin)
            }
            let value = keyEnd + 1
            let length = try BSONLayout.length(of: type, at: value, limit: last, origin: origin)
            let keyLength = keyEnd - key
            let word = BSONFieldMatcher.word(key, length: keyLength, limit: last)
            for index in 0..<count where names[index].word == word && names[index].length == keyLength {
                if keyLength <= 8 || memcmp(names[index].bytes + 8, key + 8, keyLength - 8) == 0,
                    found[index] == nil
                {
                    found[index] = BSONRawValue(type: BSONType(rawValue: type), start: value, count: length)
                }
            }
            at = value + length
        }
        for index in paths where found[index] == nil {
            found[index] = try document.value(atPath: fields[index])
        }
    }

    @inline(__always) private static func mask(_ word: UInt64, to length: Int) -> UInt64 {
        length >= 8 ? word : word & ((1 &<< UInt64(length &* 8)) &- 1)
    }

    @inline(__always) private static func word(
        _ key: UnsafeRawPointer, length: Int, limit: UnsafeRawPointer
    ) -> UInt64 {
        // The document's terminator may be read too: it is the last of its bytes.
        if limit - key >= 7 { return mask(SWAR.load(key), to: length) }
        var word: UInt64 = 0
        for index in 0..<Swift.min(length, 8) {
            word |= UInt64(key.load(fromByteOffset: index, as: UInt8.self)) &<< UInt64(index &* 8)
        }
        return word
    }
}

/// What a ``BSONFieldMatcher`` found in the last document: one slot a field, allocated once.
///
/// Belongs to one thread at a time, and is valid as long as the matched document's bytes.
public final class BSONFieldValues {
    /// The number of fields.
    public let count: Int
    let storage: UnsafeMutablePointer<BSONRawValue?>

    /// Empty slots for a matcher's fields.
    public init(for matcher: BSONFieldMatcher) {
        count = matcher.fields.count
        storage = .allocate(capacity: Swift.max(count, 1))
        storage.initialize(repeating: nil, count: count)
    }

    deinit { storage.deallocate() }

    /// The value of the field at `index` of the matcher's names, or nil where it was missing.
    public subscript(index: Int) -> BSONRawValue? {
        precondition(index >= 0 && index < count)
        return storage[index]
    }
}
