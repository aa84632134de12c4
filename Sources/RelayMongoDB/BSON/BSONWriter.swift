/// Writes a BSON document into bytes of its own: for commands, resume tokens and tests.
///
///     var writer = BSONWriter()
///     writer.append("find", string: "outbox")
///     writer.beginDocument("filter")
///     writer.end()
///     let command = writer.finish()
///
/// Inside an array the name is left out: elements are numbered. A name with a NUL in it, an `end()`
/// too many and a document above 2 GiB are mistakes of the program and stop it.
public struct BSONWriter {
    private struct Level {
        var start: Int
        var next: Int?
    }

    private var buffer: [UInt8]
    private var levels: [Level]

    /// A writer of an empty document.
    /// - Parameter capacity: bytes to make room for at once.
    public init(capacity: Int = 256) {
        buffer = []
        buffer.reserveCapacity(capacity)
        buffer.append(contentsOf: [0, 0, 0, 0])
        levels = [Level(start: 0, next: nil)]
    }

    /// Starts a nested document; what follows goes into it until ``end()``.
    public mutating func beginDocument(_ key: String? = nil) {
        begin(.document, key, next: nil)
    }

    /// Starts an array; what follows goes into it until ``end()``.
    public mutating func beginArray(_ key: String? = nil) {
        begin(.array, key, next: 0)
    }

    /// Ends the innermost document or array that was begun.
    public mutating func end() {
        precondition(levels.count > 1, "nothing was begun")
        close()
    }

    /// Ends everything that was begun and returns the document.
    public consuming func finish() -> BSONDocument {
        while !levels.isEmpty { close() }
        return BSONDocument(unchecked: buffer)
    }

    /// Appends an element's type and name; its value's bytes must follow.
    mutating func header(_ type: BSONType, _ key: String?) {
        buffer.append(type.rawValue)
        let level = levels.count - 1
        if let next = levels[level].next {
            levels[level].next = next + 1
            buffer.append(contentsOf: String(next).utf8)
            buffer.append(0)
        } else {
            guard let key else { preconditionFailure("an element of a document needs a name") }
            appendCString(key)
        }
    }

    mutating func appendCString(_ text: String) {
        precondition(!text.utf8.contains(0), "a BSON name cannot hold NUL")
        buffer.append(contentsOf: text.utf8)
        buffer.append(0)
    }

    mutating func append<Number: FixedWidthInteger>(number: Number) {
        withUnsafeBytes(of: number.littleEndian) { buffer.append(contentsOf: $0) }
    }

    mutating func append(raw bytes: some Sequence<UInt8>) { buffer.append(contentsOf: bytes) }

    private mutating func begin(_ type: BSONType, _ key: String?, next: Int?) {
        header(type, key)
        levels.append(Level(start: buffer.count, next: next))
        buffer.append(contentsOf: [0, 0, 0, 0])
    }

    private mutating func close() {
        let start = levels.removeLast().start
        buffer.append(0)
        let length = Int32(buffer.count - start).littleEndian
        withUnsafeBytes(of: length) { bytes in
            for index in 0..<4 { buffer[start + index] = bytes[index] }
        }
    }
}
