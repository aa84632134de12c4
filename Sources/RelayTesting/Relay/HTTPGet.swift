import Foundation

/// The answer to a plain HTTP request.
package struct HTTPAnswer: Sendable {
    /// The status code.
    package let status: Int
    /// The body as text.
    package let body: String
}

/// The one kind of HTTP request that tests of `/status` and its like need.
enum HTTPGet {
    /// `GET path` from 127.0.0.1.
    /// - Throws: ``TestingError`` when there is no complete answer in time.
    static func run(port: UInt16, path: String, within limit: Duration) async throws -> HTTPAnswer {
        try await withCheckedThrowingContinuation { continuation in
            // Blocking calls, so a thread of its own.
            let thread = Thread { continuation.resume(with: Result { try get(port, path, limit) }) }
            thread.stackSize = 256 << 10
            thread.start()
        }
    }

    private static func get(_ port: UInt16, _ path: String, _ limit: Duration) throws -> HTTPAnswer {
        let failure = TestingError("http://127.0.0.1:\(port)\(path) did not answer")
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure }
        defer { close(descriptor) }
        var time = timeval()
        time.tv_sec = max(1, Int(limit / .seconds(1)))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var address = FreePort.loopback(port)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n\r\n".utf8)
        guard connected, send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw failure
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count > 0 {
                bytes += chunk[..<count]
            } else if count == 0 {
                return try parse(bytes, failure)
            } else if errno != EINTR {
                throw failure
            }
        }
        throw failure
    }

    private static func parse(_ bytes: [UInt8], _ failure: TestingError) throws -> HTTPAnswer {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let headEnd = text.range(of: "\r\n\r\n") else { throw failure }
        let head = text[..<headEnd.lowerBound]
        guard let status = head.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { throw failure }
        guard !head.lowercased().contains("transfer-encoding: chunked") else {
            return HTTPAnswer(status: status, body: unchunked(text[headEnd.upperBound...]))
        }
        return HTTPAnswer(status: status, body: String(text[headEnd.upperBound...]))
    }

    /// A body without its chunks' sizes (RFC 9112, 7.1).
    private static func unchunked(_ text: Substring) -> String {
        var rest = Array(text.utf8)[...]
        var body: [UInt8] = []
        while let lineEnd = rest.firstIndex(of: 10) {
            let line = String(decoding: rest[..<lineEnd], as: UTF8.self)
            let size = line.prefix { $0.isHexDigit }
            guard let count = Int(size, radix: 16), count > 0 else { break }
            rest = rest[(lineEnd + 1)...]
            body += rest.prefix(count)
            rest = rest.dropFirst(count + 2)
        }
        return String(decoding: body, as: UTF8.self)
    }
}
