import Glibc
import RelayCore

/// Where the listener binds, and what to say when it cannot.
enum ListenAddress {
    /// The host to bind for the configured one: `::` means both families, and IPv4 alone where this machine
    /// has no IPv6 or does not let one socket serve both.
    static func host(for configured: String, hasDualStack: () -> Bool = Self.hasDualStack) -> String {
        configured == "::" && !hasDualStack() ? "0.0.0.0" : configured
    }

    /// Whether a socket bound to `::` serves IPv4 and IPv6.
    static func hasDualStack() -> Bool {
        let socket = socket(AF_INET6, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return false }
        defer { close(socket) }
        var only: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only, &size) == 0, only == 0 else { return false }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        return withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) == 0
            }
        }
    }

    /// `host` and `port` as people write them, with brackets around an IPv6 address.
    static func text(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// That `host` is a name without an address.
    static func unresolved(_ host: String) -> RelayError {
        RelayError(
            .configuration,
            "The HTTP endpoints cannot listen on \(host): the name does not resolve. Set RELAY_HTTP_HOST to an "
                + "address of this machine.")
    }

    /// Why listening on `host` and `port` failed with `errno`.
    static func failure(_ host: String, _ port: Int, errno code: Int32) -> RelayError {
        let address = text(host, port)
        switch code {
        case EADDRINUSE:
            return RelayError(
                .configuration,
                "The HTTP endpoints cannot listen on \(address): another process listens there already (the "
                    + "containers of a pod share their ports). Set RELAY_HTTP_PORT to a free port, or end the other.")
        case EACCES:
            return RelayError(
                .configuration,
                "The HTTP endpoints cannot listen on \(address): this user may not use that port. Set "
                    + "RELAY_HTTP_PORT to one from 1024 up.")
        case EADDRNOTAVAIL:
            return RelayError(
                .configuration,
                "The HTTP endpoints cannot listen on \(address): this machine has no such address. Set "
                    + "RELAY_HTTP_HOST to one of its own, or to 0.0.0.0 for all.")
        default:
            return RelayError(
                .configuration,
                "The HTTP endpoints cannot listen on \(address): \(String(cString: strerror(code))). Check "
                    + "RELAY_HTTP_HOST and RELAY_HTTP_PORT.")
        }
    }
}
