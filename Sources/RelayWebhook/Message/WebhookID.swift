import Crypto

/// The header `webhook-id`: the same on every attempt of the same event, and free of dots.
enum WebhookID {
    /// The longest header that the relay makes of what an event holds, in bytes: servers refuse lines of some KiB.
    static let longest = 1000

    /// Of one event: its id, percent-encoded; one that would be longer than ``longest`` is `sha256-` and the hash of the
    /// id in hexadecimal.
    static func single(_ id: UnsafeRawBufferPointer) -> String {
        guard PercentText.count(of: id, keeping: .identifier) > longest else {
            return PercentText.string(id, keeping: .identifier)
        }
        return SHA256.hash(data: id).withUnsafeBytes { Hex.string($0, prefix: "sha256-") }
    }

    /// Of a batch, even of one event: SHA-256 in hexadecimal over, of each event in turn, the length of its id in bytes
    /// (8 bytes, big-endian) and the id.
    static func batch(_ events: [OutgoingEvent]) -> String {
        var hash = SHA256()
        for event in events {
            withUnsafeBytes(of: UInt64(event.id.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(bufferPointer: event.id)
        }
        return hash.finalize().withUnsafeBytes { Hex.string($0) }
    }
}
