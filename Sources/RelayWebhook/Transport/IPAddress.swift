import NIOCore

/// An IPv4 or IPv6 address, without port and zone.
struct IPAddress: Hashable, Sendable {
    /// Four bytes or sixteen.
    let bytes: [UInt8]

    /// An address of the given bytes, of which there are 4 or 16.
    init(_ bytes: [UInt8]) {
        precondition(bytes.count == 4 || bytes.count == 16)
        self.bytes = bytes
    }

    /// The address of a socket; nil for one that has none.
    init?(_ address: SocketAddress) {
        switch address {
        case .v4(let address): self.init(withUnsafeBytes(of: address.address.sin_addr) { Array($0) })
        case .v6(let address): self.init(withUnsafeBytes(of: address.address.sin6_addr) { Array($0) })
        case .unixDomainSocket: return nil
        }
    }

    /// An address in its usual notation, `192.0.2.1` or `2001:db8::1`; nil for anything else.
    init?(_ text: String) {
        guard let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
        self.init(address)
    }

    /// The IPv4 address that begins at a byte.
    func v4(at offset: Int) -> IPAddress { IPAddress(Array(bytes[offset..<offset + 4])) }

    var isV4: Bool { bytes.count == 4 }

    /// Whether the first `count` bits are those of `prefix`.
    func hasPrefix(_ prefix: [UInt8], bits count: Int) -> Bool {
        for index in 0..<(count + 7) / 8 {
            let left = count - index * 8
            let mask: UInt8 = left >= 8 ? 0xFF : ~(0xFF >> UInt8(left))
            let wanted = index < prefix.count ? prefix[index] : 0
            if bytes[index] & mask != wanted & mask { return false }
        }
        return true
    }

    /// Whether it is this machine's own (127/8, ::1, and both mapped).
    var isLoopback: Bool {
        if isV4 { return bytes[0] == 127 }
        if bytes == IPAddress.mappedPrefix + bytes[12...] { return bytes[12] == 127 }
        return bytes == [UInt8](repeating: 0, count: 15) + [1]
    }

    /// `::ffff:0:0/96`.
    static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
}

extension IPAddress: CustomStringConvertible {
    var description: String {
        let packed = ByteBuffer(bytes: bytes)
        return (try? SocketAddress(packedIPAddress: packed, port: 0))?.ipAddress ?? "\(bytes)"
    }
}
