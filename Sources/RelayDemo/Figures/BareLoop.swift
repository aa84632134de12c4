import AsyncHTTPClient
import NIOCore
import RelayTesting
import Synchronization

/// The same requests as the relay's, posted by async-http-client in a loop with nothing around it.
struct BareLoop: Sendable {
    let url: String
    /// A request that the relay sent: its headers and its body are posted again and again.
    let sample: ReceivedRequest

    /// Posts `count` requests, so many at a time.
    /// - Returns: requests a second.
    /// - Throws: ``TestingError`` when an answer is not 200.
    func run(_ count: Int, inFlight: Int) async throws -> Double {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = inFlight
        configuration.redirectConfiguration = .disallow
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            _ = try await rounds(client, inFlight * 20, inFlight)
            let took = try await rounds(client, count, inFlight)
            try await client.shutdown()
            return Double(count) / (took / .seconds(1))
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private func rounds(_ client: HTTPClient, _ count: Int, _ inFlight: Int) async throws -> Duration {
        let next = Next()
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<inFlight {
                group.addTask {
                    var request = HTTPClientRequest(url: url)
                    request.method = .POST
                    for (name, value) in sample.headers where !Self.framing.contains(name.lowercased()) {
                        request.headers.add(name: name, value: value)
                    }
                    let body = ByteBuffer(bytes: sample.body)
                    while next.take() <= count {
                        request.body = .bytes(body)
                        let answer = try await client.execute(request, timeout: .seconds(15))
                        guard answer.status == .ok else { throw TestingError("the receiver answered \(answer.status)") }
                        for try await _ in answer.body {}
                    }
                }
            }
            try await group.waitForAll()
        }
        return start.duration(to: .now)
    }

    /// Hands out 1, 2, 3 …
    private final class Next: Sendable {
        private let number = Atomic<Int>(0)
        func take() -> Int { number.wrappingAdd(1, ordering: .relaxed).newValue }
    }

    private static let framing: Set<String> = ["host", "content-length", "connection", "transfer-encoding"]
}
