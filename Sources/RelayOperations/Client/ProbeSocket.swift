import Glibc
import RelayCore

/// A TCP connection whose every wait ends at one deadline. Closed when it goes out of scope.
struct ProbeSocket: ~Copyable {
    private let descriptor: Int32
    private let deadline: ContinuousClock.Instant

    deinit { close(descriptor) }

    /// Connects to one address as `getaddrinfo` gave it.
    /// - Throws: ``Failure``.
    init(connectingTo address: borrowing ResolvedAddress, deadline: ContinuousClock.Instant) throws(Failure) {
        self.deadline = deadline
        descriptor = socket(
            address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system(errno) }
        let connected = address.withSocketAddress { connect(descriptor, $0, $1) }
        if connected == 0 { return }
        guard errno == EINPROGRESS else { throw .system(errno) }
        try wait(for: Int16(POLLOUT))
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw .system(code) }
    }

    /// Sends all of `bytes`.
    func send(_ bytes: [UInt8]) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                try wait(for: Int16(POLLOUT))
            } else if errno != EINTR {
                throw .system(errno)
            }
        }
    }

    /// Reads until the other side closes.
    /// - Parameter limit: more bytes than that are a failure.
    func receiveAll(limit: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count > 0 {
                bytes += chunk[..<count]
                guard bytes.count <= limit else { throw .tooLong }
            } else if count == 0 {
                return bytes
            } else if errno == EAGAIN {
                try wait(for: Int16(POLLIN))
            } else if errno != EINTR {
                throw .system(errno)
            }
        }
    }

    private func wait(for events: Int16) throws(Failure) {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw .timedOut }
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            // Rounded up: rounded down, the last millisecond would spin.
            let ready = poll(&entry, 1, Int32(min(left / .milliseconds(1), 60_000).rounded(.up)))
            if ready > 0 { return }
            if ready < 0 && errno != EINTR { throw .system(errno) }
        }
    }

    /// Why a connection brought no answer.
    enum Failure: Error {
        case timedOut, tooLong, notHTTP
        /// An `errno`.
        case system(Int32)
        /// The host's name has no address; the text is the resolver's.
        case unresolved(String)

        /// For the end of a sentence.
        var text: String {
            switch self {
            case .system(let code): String(cString: strerror(code))
            case .timedOut: "no answer in time"
            case .tooLong: "the answer is too long to be a relay's"
            case .notHTTP: "what listens there answers something else, or was cut short"
            case .unresolved(let reason): "the name does not resolve (\(reason))"
            }
        }
    }
}

/// One address of a host.
struct ResolvedAddress: Sendable {
    private var storage = sockaddr_storage()
    private let length: socklen_t

    /// `AF_INET` or `AF_INET6`.
    var family: Int32 { Int32(storage.ss_family) }

    private init(_ info: addrinfo) {
        length = info.ai_addrlen
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: info.ai_addr, count: Int(info.ai_addrlen)))
        }
    }

    /// The addresses of `host`, in the system's order of preference. Blocks while a name server is asked.
    static func resolve(_ host: String, _ port: Int) throws(ProbeSocket.Failure) -> [ResolvedAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var first: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &first)
        guard code == 0 else { throw .unresolved(String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(first) }
        var addresses: [ResolvedAddress] = []
        var next = first
        while let info = next?.pointee {
            addresses.append(ResolvedAddress(info))
            next = info.ai_next
        }
        return addresses
    }

    /// Lends the address to a system call.
    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
