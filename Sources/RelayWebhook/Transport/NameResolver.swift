import Foundation

/// Asks the system for a name's addresses.
///
/// `getaddrinfo` blocks, for half a minute when name servers do not answer, and cannot be broken off: each lookup runs on
/// a thread of its own, never on one that tasks or connections share.
struct NameResolver: Sendable {
    /// Why a name has no addresses.
    struct Failure: Error, Equatable {
        /// Part of a sentence: "Name or service not known".
        let reason: String
    }

    /// A lookup that blocks.
    typealias Lookup = @Sendable (_ host: String) -> Result<[IPAddress], Failure>

    private let lookup: Lookup

    /// A resolver that asks the system, or whatever a test puts in its place.
    init(_ lookup: @escaping Lookup = { NameResolver.system($0, flags: 0) }) { self.lookup = lookup }

    /// Looks a name up; the answer comes on a thread that ends with it.
    func resolve(_ host: String, _ completion: @escaping @Sendable (Result<[IPAddress], Failure>) -> Void) {
        let lookup = lookup
        let thread = Thread { completion(lookup(host)) }
        thread.name = "relay-dns"
        // glibc and the modules that it loads use up to 64 KiB at once.
        thread.stackSize = 512 << 10
        thread.start()
    }

    /// The address that a host is in itself, in any notation that connecting to it would understand: besides
    /// `192.0.2.1` and `2001:db8::1` also `3221225985`, `0xC0.0.2.1` and `0300.2.1`. Asks nobody.
    static func literal(_ host: String) -> IPAddress? {
        guard case .success(let addresses) = system(host, flags: AI_NUMERICHOST) else { return nil }
        return addresses.first
    }

    /// All addresses, in the order of preference that the system gives them (RFC 6724), each once.
    private static func system(_ host: String, flags: Int32) -> Result<[IPAddress], Failure> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            let system = code == EAI_SYSTEM ? String(cString: strerror(errno)) : String(cString: gai_strerror(code))
            return .failure(Failure(reason: system))
        }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let info = next {
            if let address = address(info.pointee), !found.contains(address) { found.append(address) }
            next = info.pointee.ai_next
        }
        return found.isEmpty ? .failure(Failure(reason: "it has no address")) : .success(found)
    }

    private static func address(_ info: addrinfo) -> IPAddress? {
        guard let address = info.ai_addr else { return nil }
        switch info.ai_family {
        case AF_INET:
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                IPAddress(withUnsafeBytes(of: address.pointee.sin_addr) { Array($0) })
            }
        case AF_INET6:
            return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                IPAddress(withUnsafeBytes(of: address.pointee.sin6_addr) { Array($0) })
            }
        default: return nil
        }
    }
}
