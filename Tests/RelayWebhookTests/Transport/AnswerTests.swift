import Foundation
import RelayTesting
import Testing

@testable import RelayWebhook

extension Posting {
    @Suite("Answers over HTTP/1")
    struct AnswerTests {
        @Test("a request arrives as it was made, and its connection is used again")
        func roundTrip() async throws {
            try await TransportRig.with(steps: [.readRequest, .answer(204), .again]) { rig, server in
                for number in 0..<20 {
                    let result = await rig.post("body \(number)")
                    #expect(result.verdict == .delivered && result.outcome == .delivered && result.status == 204)
                    #expect(result.answer.isEmpty && result.message.isEmpty && !result.isEndpointFailure)
                }
                #expect(server.connectionCount == 1)
                let request = try #require(server.requests.last)
                #expect(request.head.hasPrefix("POST /hook HTTP/1.1\r\n") && request.body == Array("body 19".utf8))
                #expect(request.header("host") == "127.0.0.1:\(server.port)" && request.header("content-length") == "7")
                #expect(request.header("webhook-id") == "evt-1" && request.header("transfer-encoding") == nil)
                #expect(request.header("accept-encoding") == nil && request.header("authorization") == nil)
            }
        }

        @Test("bodies of all sizes arrive whole", arguments: [0, 1, 1023, 65_535, 65_536, 65_537, 1 << 20, 9 << 20])
        func sizes(count: Int) async throws {
            try await TransportRig.with(steps: [.readRequest, .answer(200), .again]) { rig, server in
                for _ in 0..<3 {
                    #expect(await rig.post(String(repeating: "x", count: count)).verdict == .delivered)
                }
                #expect(server.requests.map(\.body.count) == [count, count, count] && server.connectionCount == 1)
            }
        }

        @Test("each answer has its verdict, and the first KiB of a refusal's body is kept")
        func verdicts() async throws {
            let answers: [(Int, AttemptResult.Verdict)] = [
                (200, .delivered), (299, .delivered), (302, .retry), (400, .refused), (401, .retry), (404, .retry),
                (410, .gone), (422, .refused), (429, .retry), (500, .retry), (503, .retry), (999, .retry),
            ]
            for (status, verdict) in answers {
                let body = String(repeating: "why? ", count: 300)
                try await TransportRig.with(steps: [.readRequest, .answer(status, body: body), .again]) {
                    rig, _ in
                    let result = await rig.post()
                    #expect(result.verdict == verdict && result.status == status, "\(status): \(result)")
                    #expect(result.answer == (verdict == .delivered ? [] : Array(body.utf8.prefix(1024))))
                }
            }
        }

        @Test("Retry-After is heeded up to RETRY_MAX")
        func retryAfter() async throws {
            let script: HostileServer.Script = { number in
                [.readRequest, .answer([429, 503, 500][number % 3], "Retry-After: 7200"), .close]
            }
            let change: (inout WebhookOptions) -> Void = { $0.retryMax = .seconds(600) }
            try await TransportRig.with(change: change, script: script) { rig, _ in
                #expect(await rig.post().verdict == .wait(.seconds(600)))
                #expect(await rig.post().verdict == .wait(.seconds(600)))
                #expect(await rig.post().verdict == .retry)
            }
        }

        @Test("redirects are not followed", arguments: [301, 302, 303, 307, 308])
        func redirects(status: Int) async throws {
            let script: HostileServer.Script = { _ in
                [.readRequest, .answer(status, "Location: /elsewhere"), .again]
            }
            try await TransportRig.with(script: script) { rig, server in
                let result = await rig.post()
                #expect(result.verdict == .retry && result.outcome == .redirect && result.status == status)
                #expect(server.requestCount == 1)
            }
        }

        @Test("what claims to be compressed is kept as it came")
        func noDecompression() async throws {
            let script: HostileServer.Script = { _ in
                [.readRequest, .answer(400, "content-encoding: gzip", body: "no gzip"), .again]
            }
            try await TransportRig.with(script: script) { rig, _ in
                #expect(await rig.post().answer == Array("no gzip".utf8))
            }
        }

        @Test("1xx answers come before the final one and count for nothing")
        func informational() async throws {
            let script: HostileServer.Script = { _ in
                [
                    .readRequest, .text("HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nlink: </x>\n\n"),
                    .pause(.milliseconds(20)), .text("HTTP/1.1 102 Processing\n\n"), .answer(201), .again,
                ]
            }
            try await TransportRig.with(script: script) { rig, server in
                for _ in 0..<3 { #expect(await rig.post().status == 201) }
                #expect(server.connectionCount == 1)
            }
        }

        @Test("trailers, chunks and bodies that end with the connection are read")
        func framings() async throws {
            let bodies = [
                "HTTP/1.1 400 No\nTransfer-Encoding: chunked\n\n3\nabc\n2;ext=\"x\"\nde\n0\nTrailer: x\n\n",
                "HTTP/1.1 400 No\nConnection: close\n\nabcde", "HTTP/1.0 400 No\n\nabcde",
            ]
            for body in bodies {
                let ends = body.contains("chunked")
                try await TransportRig.with(steps: [.readRequest, .text(body), ends ? .again : .close]) {
                    rig, _ in
                    for _ in 0..<2 {
                        let result = await rig.post()
                        #expect(result.verdict == .refused, "\(result)")
                        #expect(String(decoding: result.answer, as: UTF8.self) == (ends ? "abcde" : "abcde"))
                    }
                }
            }
        }

        @Test("user name and password of the URL become a header; one that is set already stays")
        func basicAuthorization() async throws {
            let server = try await HostileServer.start { _ in [.readRequest, .answer(500), .again] }
            let rig = try TransportRig("http://ann:secret%21@127.0.0.1:\(server.port)/hook")
            let result = await rig.post()
            #expect(!"\(result)".contains("secret") && !"\(result)".contains("YW5u"))
            _ = await rig.transport.post(TransportRig.message(headers: ["Authorization": "Key 1"]))
            #expect(server.requests.map { $0.header("authorization") } == ["Basic YW5uOnNlY3JldCE=", "Key 1"])
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("proxies named in the environment are not used")
        func noProxy() async throws {
            let proxy = try await HostileServer.start { _ in [.readHead, .answer(502), .close] }
            setenv("http_proxy", "http://127.0.0.1:\(proxy.port)", 1)
            defer { unsetenv("http_proxy") }
            try await TransportRig.with(steps: [.readRequest, .answer(200), .again]) { rig, _ in
                #expect(await rig.post().verdict == .delivered)
            }
            #expect(proxy.connectionCount == 0)
            await proxy.stop()
        }
    }
}
