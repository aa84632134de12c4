import Glibc
import Synchronization

/// Free ports of 127.0.0.1.
///
/// They are taken from below the range that the kernel hands out to outgoing connections: a server that is restarted
/// must find its port free, and it would not be if a client's connection had been given it meanwhile. Between the
/// look and the server's own bind another process may be faster, so whoever starts a server tries again then.
package enum FreePort {
    private static let used = Mutex<Set<UInt16>>([])

    /// A port that nobody listens on, and that was not handed out in this process before.
    package static func next() throws -> UInt16 {
        for _ in 0..<1000 {
            let port = UInt16.random(in: 15_000..<32_000)
            if used.withLock({ $0.contains(port) }) || !isFree(port) { continue }
            if used.withLock({ $0.insert(port).inserted }) { return port }
        }
        throw TestingError("no free port was found on 127.0.0.1 between 15000 and 32000")
    }

    /// Whether a server could listen on the port now.
    package static func isFree(_ port: UInt16) -> Bool {
        withSocket(port) { socket, address, length in
            var on: Int32 = 1
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
            return bind(socket, address, length) == 0
        }
    }

    /// Whether somebody answers on the port now.
    package static func answers(_ port: UInt16) -> Bool {
        withSocket(port) { socket, address, length in connect(socket, address, length) == 0 }
    }

    private static func withSocket(
        _ port: UInt16, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = loopback(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// 127.0.0.1 with a port.
    static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }
}
