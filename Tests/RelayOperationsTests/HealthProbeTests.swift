import Foundation
import RelayCore
import Testing

@testable import RelayOperations

@Suite struct HealthProbeTests {
    @Test(arguments: ["::", "0.0.0.0", "127.0.0.1", "localhost"])
    func anyAddressMeansLoopback(host: String) async throws {
        let answer = try await TestServer.with(host: host == "::" ? "::" : "0.0.0.0") { server in
            try await HealthProbe.fetch(host: host, port: server.port, path: "/startupz", timeout: .seconds(5))
        }
        #expect(answer == (200, "started\n"))
    }

    @Test func anAnswerIsReadWhole() async throws {
        let factory = PrometheusMetricsFactory(seriesLimit: 20_000)
        for index in 0..<20_000 {
            factory.makeCounter(label: "x_total", dimensions: [("i", "\(index)")]).increment(by: 1)
        }
        let answer = try await TestServer.with(metrics: factory) { try await $0.get("/metrics") }
        #expect(answer.body.utf8.count > 300_000)
        #expect(answer.body.split(separator: "\n").filter { $0.hasPrefix("x_total{") }.count == 20_000)
    }

    @Test func nobodyThereIsAnErrorThatSaysWhatToDo() async throws {
        let port = try await TestServer.with { $0.port }
        let error = await #expect(throws: RelayError.self) {
            try await HealthProbe.fetch(host: "127.0.0.1", port: port, path: "/livez", timeout: .seconds(5))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("127.0.0.1:\(port)") == true)
        #expect(error?.message.contains("RELAY_HTTP_PORT") == true)
    }

    @Test func aServerThatNeverAnswersIsGivenUpOnInTime() async throws {
        // Accepted by the kernel, answered by nobody.
        let listener = try SilentListener()
        let begin = ContinuousClock.now
        let error = await #expect(throws: RelayError.self) {
            try await HealthProbe.fetch(
                host: "127.0.0.1", port: listener.port, path: "/livez", timeout: .milliseconds(300))
        }
        #expect(error?.message.contains("no answer in time") == true)
        let time = ContinuousClock.now - begin
        #expect(time > .milliseconds(250) && time < .seconds(30))
    }

    @Test func onlyWholeResponsesCount() {
        func response(_ text: String) -> ProbeResponse? { ProbeResponse(Array(text.utf8)) }
        let good = response("HTTP/1.1 503 Service Unavailable\r\ncontent-LENGTH: 3\r\n\r\nno\n")
        #expect(good?.status == 503 && good?.body == "no\n")
        #expect(response("HTTP/1.1 204 \r\n\r\n")?.status == 204)
        for bad in [
            "", "HTTP/1.1 200 OK\r\n", "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 9999 OK\r\n\r\n",
        ] {
            #expect(response(bad) == nil, "\(bad)")
        }
    }

    @Test func timesAreWrittenInUTC() {
        #expect(UTCTime(unixSeconds: 0)?.httpDate == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(UTCTime(unixSeconds: 1_700_000_000.5)?.rfc3339 == "2023-11-14T22:13:20.500Z")
        #expect(UTCTime(unixSeconds: 951_782_399)?.httpDate == "Mon, 28 Feb 2000 23:59:59 GMT")
        #expect(UTCTime(unixSeconds: .nan) == nil)
        #expect(UTCTime(unixSeconds: 1e300) == nil)
    }
}

/// A socket that listens and never accepts.
private final class SilentListener: Sendable {
    let descriptor: Int32
    let port: Int

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let failed = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) != 0 || listen(descriptor, 8) != 0
                    || getsockname(descriptor, $0, &size) != 0
            }
        }
        guard !failed else { throw CancellationError() }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }
}
