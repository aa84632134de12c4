import Foundation

/// A listening socket whose queue is full, so that connecting to it hangs.
struct FullListener {
    private var sockets: [Int32]

    static func open(_ host: String) throws -> (FullListener, port: Int) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, host, &address.sin_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(listener, pointer, length) == 0, listen(listener, 0) == 0,
                    getsockname(listener, pointer, &length) == 0
                else { throw POSIXError(.EADDRINUSE) }
            }
        }
        var sockets = [listener]
        // A queue of length 0 takes one connection, and a few more that wait for it.
        for _ in 0..<4 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, length) }
            }
            sockets.append(client)
        }
        return (FullListener(sockets: sockets), Int(UInt16(bigEndian: address.sin_port)))
    }

    func close() { for socket in sockets { _ = Glibc.close(socket) } }
}
