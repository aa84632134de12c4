import Foundation
import RelayCore
import ServiceLifecycle
import Testing

@testable import RelayOperations

@Suite struct HostileClientTests {
    private static let quick = OperationsServer.Limits(timeout: .seconds(1))

    @Test func clientsThatStallAreEndedAndDelayNobody() async throws {
        try await TestServer.with(limits: Self.quick) { server in
            let stalls = [
                "", "GET", "GET /livez HTTP/1.1\r\n", "GET /livez HTTP/1.1\r\nHost: x\r\nX: ",
                "POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc",
            ]
            let port = server.port
            try await withThrowingTaskGroup(of: Duration.self) { group in
                for start in stalls + stalls + stalls + stalls {
                    group.addTask {
                        try await onThread {
                            let begin = ContinuousClock.now
                            let socket = try RawConnection.open(port, within: .seconds(10))
                            try socket.send(Array(start.utf8))
                            _ = try socket.receiveAll(limit: 1 << 20)
                            return ContinuousClock.now - begin
                        }
                    }
                }
                // Behind a stalled client each of them would take a second.
                let begin = ContinuousClock.now
                for _ in 0..<20 { #expect(try await server.get("/livez").status == 200) }
                #expect(ContinuousClock.now - begin < .seconds(15))
                for try await time in group { #expect(time < .seconds(30)) }
            }
        }
    }

    @Test func aHeaderThatDripsIsEnded() async throws {
        try await TestServer.with(limits: Self.quick) { server in
            let port = server.port
            let time = try await onThread {
                let begin = ContinuousClock.now
                let socket = try RawConnection.open(port, within: .seconds(20))
                do {
                    for byte in Array("GET /livez HTTP/1.1\r\nX-Slow: \(String(repeating: "a", count: 80))".utf8) {
                        try socket.send([byte])
                        Thread.sleep(forTimeInterval: 0.1)
                    }
                } catch ProbeSocket.Failure.system {
                    // The server has closed, which is what is wanted.
                }
                return ContinuousClock.now - begin
            }
            #expect(time < .seconds(9))
        }
    }

    @Test func theOldestConnectionMakesRoom() async throws {
        var limits = OperationsServer.Limits()
        limits.connections = 4
        try await TestServer.with(limits: limits) { server in
            let port = server.port
            try await onThread {
                let first = try RawConnection.open(port, within: .seconds(5))
                try first.send(Array("GET ".utf8))
                let others = try Others(port: port, count: 4)
                let rest = try first.receiveAll(limit: 1000)
                #expect(rest.isEmpty, "closed without an answer, long before its deadline")
                _ = others
            }
            #expect(try await server.get("/livez").status == 200)
        }
    }

    /// Idle connections that stay open as long as this lives.
    private final class Others {
        private var chain: Link?

        init(port: Int, count: Int) throws {
            for _ in 0..<count { chain = Link(try RawConnection.open(port, within: .seconds(5)), chain) }
        }

        private final class Link {
            let socket: ProbeSocket
            let next: Link?
            init(_ socket: consuming ProbeSocket, _ next: Link?) {
                self.socket = socket
                self.next = next
            }
        }
    }

    @Test func garbageIsRefusedAndForgotten() async throws {
        try await TestServer.with(limits: Self.quick) { server in
            var generator = SystemRandomNumberGenerator()
            let noise = (0..<20).map { _ in (0..<4096).map { _ in UInt8.random(in: 0...255, using: &generator) } }
            let texts = [
                "\r\n\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /livez HTTP/1.1\r\nbad header\r\n\r\n",
                "GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /\u{0} HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
            ]
            for bytes in noise + texts.map({ Array($0.utf8) }) {
                // A reset instead of an answer is fine, too.
                let answer = (try? await server.raw(bytes)) ?? ""
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(100))")
                let after = try await server.get("/livez")
                #expect(after == (200, "live\n"))
            }
        }
    }

    @Test func headersAndTargetsBeyondTheLimitAreRefused() async throws {
        try await TestServer.with(limits: Self.quick) { server in
            let long = String(repeating: "a", count: 100_000)
            let many = (0..<200).map { "X-\($0): 1\r\n" }.joined()
            for request in [
                "GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: \(long)\r\n\r\n",
                "GET /livez HTTP/1.1\r\nHost: x\r\n\(many)\r\n", "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n",
            ] {
                let answer = (try? await server.raw(request)) ?? ""
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"), "\(answer.prefix(60))")
            }
            let after = try await server.get("/livez")
            #expect(after.status == 200)
        }
    }

    @Test func aBodyBeyondTheLimitDoesNotCostTheAnswer() async throws {
        try await TestServer.with { server in
            let body = String(repeating: "a", count: 2_000_000)
            let answer = try await server.raw(
                "POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            #expect(answer.hasPrefix("HTTP/1.1 405"))
        }
    }

    @Test func pipelinedRequestsGetOneAnswer() async throws {
        try await TestServer.with { server in
            let flood = String(repeating: "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", count: 1000)
            let answer = try await server.raw(flood)
            #expect(answer.components(separatedBy: "HTTP/1.1 200").count - 1 == 1)
        }
    }

    @Test func shutdownDoesNotWaitForAnIdleClient() async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let server = OperationsServer(host: "127.0.0.1", port: 0, status: .example(), logger: .quiet) {
            port.yield($0)
        }
        let group = ServiceGroup(services: [server], logger: .quiet)
        async let running: Void = group.run()
        var iterator = ports.makeAsyncIterator()
        let bound = try #require(await iterator.next())
        let client = Task {
            try await onThread {
                let socket = try RawConnection.open(bound, within: .seconds(20))
                try socket.send(Array("GET /livez HTTP/1.1\r\n".utf8))
                return try socket.receiveAll(limit: 1000).count
            }
        }
        try await Task.sleep(for: .milliseconds(200))
        let begin = ContinuousClock.now
        await group.triggerGracefulShutdown()
        try await running
        #expect(ContinuousClock.now - begin < .seconds(9))
        #expect(try await client.value == 0)
    }
}
