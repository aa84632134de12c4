import Crypto

/// The native queue's slot of a key: the first byte of SHA-256 of its text, so 256 slots for ever.
public enum KeySlot {
    /// The slot of the key whose UTF-8 is `key`.
    public static func slot(of key: UnsafeRawBufferPointer) -> Int16 {
        var hash = SHA256()
        hash.update(bufferPointer: key)
        return hash.finalize().withUnsafeBytes { Int16($0[0]) }
    }
}
