import Foundation
import Logging
import RelayCore
import ServiceLifecycle

@testable import RelayOperations

/// A listening server for one test, on a free port of 127.0.0.1.
struct TestServer {
    let port: Int

    /// Starts a server for `status`, runs `body` and stops it.
    static func with<Result: Sendable>(
        _ status: RelayStatus = .example(), metrics: PrometheusMetricsFactory? = nil, host: String = "127.0.0.1",
        limits: OperationsServer.Limits = .init(), _ body: (TestServer) async throws -> Result
    ) async throws -> Result {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = OperationsServer(
            host: host, port: 0, status: status, metrics: metrics, logger: .quiet, limits: limits
        ) { port.yield($0) }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { port.finish() }
                try await server.run()
            }
            var iterator = ports.makeAsyncIterator()
            guard let bound = await iterator.next() else {
                try await group.next()
                throw CancellationError()
            }
            let result = try await body(TestServer(port: bound))
            group.cancelAll()
            return result
        }
    }

    func get(_ path: String) async throws -> (status: Int, body: String) {
        try await HealthProbe.fetch(host: "127.0.0.1", port: port, path: path, timeout: .seconds(10))
    }

    /// Sends bytes as they are and returns everything up to the end of the connection.
    func raw(_ bytes: [UInt8], within time: Duration = .seconds(10)) async throws -> String {
        let port = port
        return try await onThread {
            let socket = try RawConnection.open(port, within: time)
            try socket.send(bytes)
            return String(decoding: try socket.receiveAll(limit: 1 << 24), as: UTF8.self)
        }
    }

    func raw(_ text: String, within time: Duration = .seconds(10)) async throws -> String {
        try await raw(Array(text.utf8), within: time)
    }
}

enum RawConnection {
    static func open(_ port: Int, within time: Duration) throws -> ProbeSocket {
        let address = try ResolvedAddress.resolve("127.0.0.1", port)[0]
        return try ProbeSocket(connectingTo: address, deadline: .now + time)
    }
}

/// Runs what blocks on a thread of its own: the tests share two threads with the server they test.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

extension RelayStatus {
    /// Two pipelines, one to a webhook with everything known and one to a queue that knows nothing yet.
    static func example(
        name: String = "shop.outbox", change: (inout PipelineSnapshot) -> Void = { _ in }
    ) -> RelayStatus {
        let progress = LoopProgress()
        let busy = PipelineStatus(name: "\(name)/ledger", destination: "ledger", progress: progress)
        var wanted = busy.snapshot
        wanted.role = .leader
        wanted.state = .streaming
        wanted.lagSeconds = 0.25
        wanted.lagEvents = 12
        wanted.oplogHeadroomSeconds = 86_400
        wanted.epoch = 3
        wanted.stream = 7
        wanted.position = 1_000_000
        wanted.parked = 2
        wanted.parkedKeys = 1
        wanted.oldestParkedAt = 1_700_000_000
        wanted.breaker = .open
        wanted.inFlight = 3
        wanted.deadLetters = 4
        wanted.restarts = 1
        change(&wanted)
        let value = wanted
        busy.update { $0 = value }
        let new = PipelineStatus(name: "\(name)/billing", destination: "billing", progress: progress)
        return RelayStatus(name: name, version: "1.2.3", pipelines: [busy, new], progress: progress)
    }
}
