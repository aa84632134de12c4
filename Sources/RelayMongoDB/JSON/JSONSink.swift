import RelayCore

/// A cursor into an arena's free room: the encoder reserves once for several writes and then
/// stores through a bare pointer.
///
/// Nothing else may write to the arena between ``init(_:reserving:)`` and ``commit()``.
struct JSONSink {
    var cursor: UnsafeMutablePointer<UInt8>
    private var limit: UnsafeMutablePointer<UInt8>
    private var start: UnsafeMutablePointer<UInt8>
    private let arena: ByteArena

    /// A cursor behind what `arena` holds, with room for `room` bytes.
    init(_ arena: ByteArena, reserving room: Int) {
        self.arena = arena
        arena.reserve(room)
        start = JSONSink.tail(of: arena)
        cursor = start
        limit = start + (arena.capacity - arena.count)
    }

    private static func tail(of arena: ByteArena) -> UnsafeMutablePointer<UInt8> {
        var tail: UnsafeMutablePointer<UInt8>?
        arena.appendUninitialized(minimum: 0) {
            tail = $0
            return 0
        }
        return tail!
    }

    /// Hands what was written to the arena.
    mutating func commit() {
        let written = cursor - start
        arena.appendUninitialized(minimum: 0) { _ in written }
        start = cursor
    }

    /// Makes room for `count` bytes, which the writes that follow then do not check.
    @inline(__always) mutating func reserve(_ count: Int) {
        if limit - cursor < count { grow(count) }
    }

    @inline(never) private mutating func grow(_ count: Int) {
        commit()
        arena.reserve(count)
        start = JSONSink.tail(of: arena)
        cursor = start
        limit = start + (arena.capacity - arena.count)
    }

    /// Writes one byte. Room must be reserved.
    @inline(__always) mutating func put(_ byte: UInt8) {
        cursor.pointee = byte
        cursor += 1
    }

    /// Writes a literal. Room must be reserved.
    @inline(__always) mutating func put(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        UnsafeMutableRawPointer(cursor).copyMemory(from: text.utf8Start, byteCount: count)
        cursor += count
    }
}
