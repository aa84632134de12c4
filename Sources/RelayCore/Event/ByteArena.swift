#if canImport(Glibc)
import Glibc
#endif

/// A growable run of bytes that many events share: the hot path appends to it and remembers
/// offsets (``ByteRange``) instead of making an object of every field.
///
/// One writer fills an arena; once it is handed on inside an ``EventBatch`` it is only read.
/// Not safe for concurrent writing.
public final class ByteArena {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var used: Int
    @usableFromInline var room: Int

    /// - Parameter capacity: bytes to make room for at once.
    public init(capacity: Int = 4096) {
        room = Swift.max(capacity, 64)
        base = malloc(room)!
        used = 0
    }

    deinit { free(base) }

    /// The number of bytes written.
    @inlinable public var count: Int { used }

    /// The number of bytes that the arena holds memory for.
    @inlinable public var capacity: Int { room }

    /// Forgets what was written from `count` on; the memory is kept.
    @inlinable public func truncate(to count: Int) {
        precondition(count >= 0 && count <= used)
        used = count
    }

    /// Gives back memory that is not used, where that is more than half of it.
    public func trim() {
        guard used < room / 2 else { return }
        room = Swift.max(used, 64)
        base = realloc(base, room)!
    }

    /// Makes room for `extra` more bytes, so that the writes that follow need not check.
    @inlinable public func reserve(_ extra: Int) {
        if room - used < extra { grow(extra) }
    }

    @usableFromInline @inline(never) func grow(_ extra: Int) {
        room = Swift.max(room * 2, used + extra)
        base = realloc(base, room)!
    }

    /// Lends the unused tail, at least `minimum` bytes of it, to `body`, which returns how many
    /// bytes it wrote there.
    @inlinable public func appendUninitialized(
        minimum: Int, _ body: (UnsafeMutablePointer<UInt8>) throws -> Int
    ) rethrows {
        reserve(minimum)
        let written = try body((base + used).assumingMemoryBound(to: UInt8.self))
        precondition(written >= 0 && used + written <= room)
        used += written
    }

    /// Appends one byte.
    @inlinable public func append(_ byte: UInt8) {
        reserve(1)
        base.storeBytes(of: byte, toByteOffset: used, as: UInt8.self)
        used += 1
    }

    /// Appends a copy of `bytes`.
    @inlinable public func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        (base + used).copyMemory(from: source, byteCount: bytes.count)
        used += bytes.count
    }

    /// Appends the UTF-8 of `text`.
    @inlinable public func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Appends the UTF-8 of a literal.
    @inlinable public func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Everything written so far. Valid until the next write and while the arena lives.
    @inlinable public var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base, count: used)
    }

    /// The bytes at `range`. Valid until the next write and while the arena lives.
    @inlinable public subscript(range: ByteRange) -> UnsafeRawBufferPointer {
        precondition(range.end <= used)
        return UnsafeRawBufferPointer(start: base + Int(range.offset), count: Int(range.length))
    }

    /// The text at `range`, for the cold paths that want an object.
    public func string(_ range: ByteRange) -> String {
        String(decoding: self[range], as: UTF8.self)
    }
}

/// Where in a ``ByteArena`` some bytes lie: 8 bytes instead of a reference. An absent value has
/// ``ByteRange/none``; an empty one has length 0.
public struct ByteRange: Sendable, Equatable {
    /// Offset of the first byte.
    public var offset: UInt32
    /// Number of bytes.
    public var length: UInt32

    /// A range from `offset`, `length` bytes long. An arena stays below 4 GiB.
    @inlinable public init(offset: Int, length: Int) {
        self.offset = UInt32(offset)
        self.length = UInt32(length)
    }

    /// A value that is not there, which is not the same as an empty one.
    @inlinable public static var none: ByteRange {
        var range = ByteRange(offset: 0, length: 0)
        range.offset = .max
        return range
    }

    /// Whether a value is there.
    @inlinable public var isPresent: Bool { offset != .max }

    /// Offset behind the last byte.
    @inlinable public var end: Int { isPresent ? Int(offset) + Int(length) : 0 }
}
