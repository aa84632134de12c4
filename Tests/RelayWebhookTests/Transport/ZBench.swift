import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

// TEMPORARY measurement, not for the repository.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["ZBENCH"] != nil), .serialized)
struct ZBench {
    static let url = "http://127.0.0.1:18099/hook"
    static let body = ByteBuffer(repeating: 0x61, count: 600)
    static let headers: HTTPHeaders = [
        "webhook-id": "65a1b2c3d4e5f60718293a4b", "webhook-timestamp": "1700000000",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "content-type": "application/cloudevents+json", "user-agent": "outbox-relay/0",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ]
    static func loop(_ name: String, _ n: Int, seconds: Double = 3, _ op: @escaping @Sendable () async throws -> Void) async throws -> Double {
        var u0 = rusage(); getrusage(RUSAGE_SELF.rawValue == 0 ? 0 : 0, &u0)
        let total = try await withThrowingTaskGroup(of: Int.self) { group in
            let end = ContinuousClock.now + .seconds(seconds)
            for _ in 0..<n { group.addTask { var c = 0; while ContinuousClock.now < end { try await op(); c += 1 }; return c } }
            return try await group.reduce(0, +)
        }
        var u1 = rusage(); getrusage(RUSAGE_SELF.rawValue == 0 ? 0 : 0, &u1)
        func us(_ a: timeval, _ b: timeval) -> Double { Double(b.tv_sec - a.tv_sec) * 1e6 + Double(b.tv_usec - a.tv_usec) }
        print("BENCH   n=\(n) \(name): \(Int(Double(total) / seconds))/s, CPU/request user \(Int(us(u0.ru_utime, u1.ru_utime) / Double(total))) sys \(Int(us(u0.ru_stime, u1.ru_stime) / Double(total))) us")
        return Double(total) / seconds
    }
    static func client(_ group: any EventLoopGroup, _ n: Int) -> HTTPClient {
        var c = HTTPClient.Configuration()
        c.redirectConfiguration = .disallow
        c.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = n
        return HTTPClient(eventLoopGroupProvider: .shared(group), configuration: c)
    }
    @Test func bare() async throws {
        let one = MultiThreadedEventLoopGroup.singleton.next()
        for n in [1, 32, 256] {
            for round in 0..<1 {
                for (label, group) in [("2 loops", MultiThreadedEventLoopGroup.singleton as any EventLoopGroup), ("1 loop", one)] {
                    let client = Self.client(group, n)
                    let a = try await Self.loop("async", n) {
                        var r = HTTPClientRequest(url: Self.url); r.method = .POST; r.headers = Self.headers; r.body = .bytes(Self.body)
                        let resp = try await client.execute(r, timeout: .seconds(15)); _ = try await resp.body.collect(upTo: 65536)
                    }
                    let base = try HTTPClient.Request(url: Self.url, method: .POST, headers: Self.headers)
                    let b = try await Self.loop("delegate", n) {
                        var r = base; r.headers = Self.headers; r.body = .byteBuffer(Self.body)
                        _ = try await client.execute(request: r, delegate: Quick(), deadline: .now() + .seconds(15)).get()
                    }
                    let c = try await Self.loop("delegate-nodeadline", n) {
                        var r = base; r.headers = Self.headers; r.body = .byteBuffer(Self.body)
                        _ = try await client.execute(request: r, delegate: Quick()).get()
                    }
                    print("BENCH n=\(n) \(label) round \(round): async \(Int(a)) delegate \(Int(b)) delegate-nodeadline \(Int(c))")
                    try await client.shutdown().get()
                }
            }
        }
    }
}
final class Quick: HTTPClientResponseDelegate {
    typealias Response = Int
    func didFinishRequest(task: HTTPClient.Task<Int>) throws -> Int { 1 }
}
