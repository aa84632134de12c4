extension ByteArena {
    /// Appends a text; returns where it lies.
    @inlinable package func appended(_ text: String) -> ByteRange { appending { append(text) } }

    /// Appends bytes; returns where they lie.
    @inlinable package func appended(_ bytes: UnsafeRawBufferPointer) -> ByteRange { appending { append(bytes) } }

    /// Appends bytes; returns where they lie.
    @inlinable package func appended(_ bytes: [UInt8]) -> ByteRange { bytes.withUnsafeBytes { appended($0) } }

    /// Where that lies which `body` appends.
    @inlinable package func appending(_ body: () throws -> Void) rethrows -> ByteRange {
        let start = count
        try body()
        return ByteRange(offset: start, length: count - start)
    }
}
