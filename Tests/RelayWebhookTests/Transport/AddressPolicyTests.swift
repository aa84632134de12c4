import Testing

@testable import RelayWebhook

@Suite("Which addresses are never connected to")
struct AddressPolicyTests {
    @Test(
        "metadata services, link-local, multicast and unspecified addresses, in every disguise",
        arguments: [
            "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "169.254.170.2", "224.0.0.1", "239.255.255.250",
            "255.255.255.255", "168.63.129.16", "100.100.100.200", "192.0.0.192",
            "::", "fe80::1", "febf::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254",
            // Mapped, compatible, SIIT, NAT64, 6to4.
            "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254", "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254", "64:ff9b::168.63.129.16", "2002:a9fe:a9fe::1", "2002:a83f:8110::",
            // NAT64 for local use, with prefixes of 48, 56, 64 and 96 bits.
            "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:0:a9:fea9:fe00:0",
            "64:ff9b:1::a9fe:a9fe",
            // Teredo: the server's address, and the client's inverted.
            "2001:0:a9fe:a9fe::", "2001:0:4136:e378:8000:63bf:5601:5601",
        ])
    func forbidden(text: String) throws {
        #expect(AddressPolicy.forbids(try #require(IPAddress(text))))
    }

    @Test(
        "loopback, private and public addresses are allowed",
        arguments: [
            "127.0.0.1", "127.8.9.10", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "100.100.100.201",
            "192.0.2.1", "8.8.8.8", "168.63.129.17", "169.253.255.255", "169.255.0.0", "223.255.255.255",
            "240.0.0.1", "192.0.0.193", "1.0.0.0",
            "::1", "fd00:ec2::253", "fd12:3456::1", "fc00::1", "fec0::1", "2001:db8::1", "2a00:1450:4001::200e",
            "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1", "2002:808:808::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fd20:ce::253", "fd00::a9fe:a9fe",
        ])
    func allowed(text: String) throws {
        #expect(!AddressPolicy.forbids(try #require(IPAddress(text))))
    }

    @Test("every address of the embedded ranges is judged as the one that it holds")
    func embedded() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let inner = (0..<4).map { _ in UInt8.random(in: 0...255, using: &generator) }
            // ::/96 with a first byte of 0 holds :: and ::1 themselves.
            guard inner[0] != 0 else { continue }
            let verdict = AddressPolicy.forbids(IPAddress(inner))
            let zeros = { [UInt8](repeating: 0, count: $0) }
            let outer: [[UInt8]] = [
                IPAddress.mappedPrefix + inner, zeros(12) + inner, [0, 0x64, 0xFF, 0x9B] + zeros(8) + inner,
                [0x20, 0x02] + inner + zeros(10), [0, 0x64, 0xFF, 0x9B, 0, 1] + zeros(6) + inner,
            ]
            for bytes in outer where !IPAddress(bytes).isLoopback {
                #expect(AddressPolicy.forbids(IPAddress(bytes)) == verdict, "\(bytes)")
            }
        }
    }

    @Test(
        "hosts in odd notations are the addresses that connecting to them would find",
        arguments: [
            ("2852039166", "169.254.169.254"), ("0xA9.0xFE.0xA9.0xFE", "169.254.169.254"),
            ("0251.0376.0251.0376", "169.254.169.254"), ("0xa9fea9fe", "169.254.169.254"),
            ("169.254.43518", "169.254.169.254"), ("169.16689662", "169.254.169.254"), ("127.1", "127.0.0.1"),
            ("0", "0.0.0.0"), ("::ffff:169.254.169.254", "::ffff:169.254.169.254"), ("::1", "::1"),
        ])
    func notations(host: String, address: String) throws {
        #expect(NameResolver.literal(host) == IPAddress(address))
    }

    @Test("names are no addresses", arguments: ["localhost", "billing.example", "1.2.3.4.5", "0x", "256.1.1.1", ""])
    func names(host: String) { #expect(NameResolver.literal(host) == nil) }
}
