import Crypto

/// Which events are delivered in order: 128 bits of SHA-256 of the key's text, so that a key of any length takes
/// 16 bytes of memory and can be indexed.
public struct EventKey: Sendable, Hashable {
    /// The first and the second eight bytes of the hash, big-endian.
    public let high: UInt64
    public let low: UInt64

    /// The key whose text is `bytes`.
    public init(of bytes: UnsafeRawBufferPointer) {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        self = hash.finalize().withUnsafeBytes { EventKey(digest: $0) }
    }

    /// A key of its own for what must wait for nothing and hold up nothing: an event where order does not count, a
    /// redelivery. `salt` keeps it apart from every real key.
    public init(apart salt: StaticString, _ bytes: UnsafeRawBufferPointer, _ number: Int64 = 0) {
        var hash = SHA256()
        hash.update(data: [0])
        hash.update(bufferPointer: UnsafeRawBufferPointer(start: salt.utf8Start, count: salt.utf8CodeUnitCount))
        hash.update(data: [0])
        withUnsafeBytes(of: number.bigEndian) { hash.update(bufferPointer: $0) }
        hash.update(bufferPointer: bytes)
        self = hash.finalize().withUnsafeBytes { EventKey(digest: $0) }
    }

    /// The key that was stored as `bytes` (16 of them); nil when that is none.
    public init?(stored bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self = Array(bytes).withUnsafeBytes { EventKey(digest: $0) }
    }

    private init(digest: UnsafeRawBufferPointer) {
        high = UInt64(bigEndian: digest.loadUnaligned(as: UInt64.self))
        low = UInt64(bigEndian: digest.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// The 16 bytes to store.
    public var bytes: [UInt8] {
        withUnsafeBytes(of: high.bigEndian) { Array($0) } + withUnsafeBytes(of: low.bigEndian) { Array($0) }
    }
}
