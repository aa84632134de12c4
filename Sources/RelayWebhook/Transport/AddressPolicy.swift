/// Which addresses are never connected to, whatever a name resolves to.
///
/// Who runs the relay chooses the URL, and receivers live in the cluster: loopback and private ranges are allowed. What
/// is never a receiver, but what a name that somebody else controls may be pointed at, is not: addresses that hand out
/// a machine's credentials, link-local ones, and those that reach more than one host; also where one of them is embedded
/// in an IPv6 address that a gateway on the way translates.
enum AddressPolicy {
    /// Whether nothing is ever sent there.
    static func forbids(_ address: IPAddress) -> Bool {
        if address.isV4 { return forbidsV4(address) }
        if address.isLoopback { return false }
        if v6Ranges.contains(where: { address.hasPrefix($0.bytes, bits: $0.bits) }) { return true }
        if v6Hosts.contains(address) { return true }
        return embedded(in: address).contains(where: forbidsV4)
    }

    /// What is left of the addresses that a name resolves to, in their order.
    static func allowed(_ addresses: [IPAddress]) -> [IPAddress] { addresses.filter { !forbids($0) } }

    private static func forbidsV4(_ address: IPAddress) -> Bool {
        v4Ranges.contains { address.hasPrefix($0.bytes, bits: $0.bits) } || v4Hosts.contains(address)
    }

    /// The IPv4 addresses that packets to an IPv6 address may end up at.
    private static func embedded(in address: IPAddress) -> [IPAddress] {
        let bytes = address.bytes
        func starts(_ prefix: [UInt8], _ bits: Int) -> Bool { address.hasPrefix(prefix, bits: bits) }
        // IPv4-mapped, IPv4-compatible, SIIT (RFC 7915), NAT64 (RFC 6052).
        if starts(IPAddress.mappedPrefix, 96) || starts([], 96) || starts([0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 96)
            || starts([0x00, 0x64, 0xFF, 0x9B], 96)
        {
            return [address.v4(at: 12)]
        }
        // NAT64 for local use (RFC 8215): the prefix may be of any of RFC 6052's lengths from 48 on, and byte 8 is
        // skipped. What begins with 0 in a shorter form is the padding of a longer one.
        if starts([0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01], 48) {
            let forms = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12]].map { form in IPAddress(form.map { bytes[$0] })
            }
            return forms.filter { $0.bytes[0] != 0 } + [address.v4(at: 12)]
        }
        // 6to4 (RFC 3056).
        if starts([0x20, 0x02], 16) { return [address.v4(at: 2)] }
        // Teredo (RFC 4380): a server, and a client with all bits inverted.
        if starts([0x20, 0x01, 0, 0], 32) { return [address.v4(at: 4), IPAddress(bytes[12...].map { ~$0 })] }
        return []
    }

    private struct Range {
        let bytes: [UInt8]
        let bits: Int
        init(_ bytes: [UInt8], _ bits: Int) { (self.bytes, self.bits) = (bytes, bits) }
    }

    private static let v4Ranges = [
        // "This network": the kernel takes 0.0.0.0 for the machine itself.
        Range([0], 8),
        // Link-local: the metadata services of most clouds, 169.254.169.254 among them.
        Range([169, 254], 16),
        // Multicast.
        Range([224], 4),
    ]

    private static let v4Hosts: Set<IPAddress> = [
        IPAddress([255, 255, 255, 255]),
        // Azure's, Alibaba Cloud's and Oracle Cloud's metadata services.
        IPAddress([168, 63, 129, 16]),
        IPAddress([100, 100, 100, 200]),
        IPAddress([192, 0, 0, 192]),
    ]

    private static let v6Ranges = [
        // Unspecified, link-local, multicast.
        Range([], 128),
        Range([0xFE, 0x80], 10),
        Range([0xFF], 8),
    ]

    /// The metadata services of AWS (fd00:ec2::254) and Google Cloud (fd20:ce::254).
    private static let v6Hosts: Set<IPAddress> = [
        IPAddress([0xFD, 0x00, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54]),
        IPAddress([0xFD, 0x20, 0x00, 0xCE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54]),
    ]
}
