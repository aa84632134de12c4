import RelayCore

extension ByteArena {
    /// Appends a text; returns where it lies.
    func appended(_ text: String) -> ByteRange { appending { append(text) } }

    /// Appends bytes; returns where they lie.
    func appended(_ bytes: UnsafeRawBufferPointer) -> ByteRange { appending { append(bytes) } }

    /// What `body` appends.
    @inline(__always)
    func appending(_ body: () throws -> Void) rethrows -> ByteRange {
        let start = count
        try body()
        return ByteRange(offset: start, length: count - start)
    }
}
