import Foundation
import RelayTesting
import Testing

@testable import RelayWebhook

extension Posting {
    @Suite("Receivers that mean harm, over HTTP/1")
    struct HostileAnswerTests {
        private let kibibyte = [UInt8](repeating: 0x61, count: 1024)

        @Test("a 2xx is delivered as soon as its headers are there, whatever its body does")
        func deliveredByHeaders() async throws {
            let endings: [[HostileStep]] = [
                [.hang], [.pause(.milliseconds(20)), .reset], [.pause(.milliseconds(20)), .close], [.endlessly([0x61])],
                [.endlessly(kibibyte)], [.text("12345\n"), .hang],
            ]
            for framing in ["content-length: 100000", "transfer-encoding: chunked", "x: y"] {
                for ending in endings {
                    let script: HostileServer.Script = { _ in
                        [.readRequest, .text("HTTP/1.1 200 OK\n\(framing)\n\n")] + ending
                    }
                    try await TransportRig.with(script: script) { rig, server in
                        let start = ContinuousClock.now
                        let result = await rig.post()
                        let took = start.duration(to: .now)
                        #expect(
                            result.verdict == .delivered && took < .milliseconds(300), "\(framing) \(took) \(result)")
                        try await rig.waitUntilIdle()
                        try await waiting(for: "the connection to be closed", within: .seconds(3)) {
                            server.openCount == 0 ? true : nil
                        }
                    }
                }
            }
        }

        @Test("the rest of a short answer is read so that the connection can be used again")
        func drained() async throws {
            let script: HostileServer.Script = { _ in
                [
                    .readRequest, .text("HTTP/1.1 200 OK\ncontent-length: 40000\n\n"), .pause(.milliseconds(5)),
                    .send([UInt8](repeating: 0x61, count: 40_000)), .again,
                ]
            }
            try await TransportRig.with(concurrency: 1, script: script) { rig, server in
                for _ in 0..<10 { #expect(await rig.post().verdict == .delivered) }
                #expect(server.connectionCount == 1 && server.requestCount == 10)
            }
        }

        @Test("only so many rests are read at a time; other connections are closed")
        func boundedDrains() async throws {
            let script: HostileServer.Script = { _ in
                [.readRequest, .text("HTTP/1.1 200 OK\ncontent-length: 40000\n\n"), .hang]
            }
            try await TransportRig.with(concurrency: 200, script: script) { rig, _ in
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<200 { group.addTask { #expect(await rig.post().verdict == .delivered) } }
                }
                #expect(rig.transport.watch.counts.draining <= 64)
                try await rig.waitUntilIdle()
            }
        }

        @Test("an endless body of a refusal is cut off after its first KiB")
        func endlessRefusal() async throws {
            for chunk in [[0x61], kibibyte, [UInt8](repeating: 0x62, count: 1 << 20)] as [[UInt8]] {
                let script: HostileServer.Script = { _ in
                    [.readRequest, .text("HTTP/1.1 400 No\nx: y\n\n"), .endlessly(chunk)]
                }
                try await TransportRig.with(script: script) { rig, server in
                    let result = await rig.post()
                    #expect(result.verdict == .refused && result.answer == [UInt8](repeating: chunk[0], count: 1024))
                    try await waiting(for: "the connection to be closed", within: .seconds(3)) {
                        server.openCount == 0 ? true : nil
                    }
                    // What the kernel's buffers take is more than what is read.
                    #expect(server.sentBytes < 16 << 20)
                }
            }
        }

        @Test("a refusal whose body dawdles is told with what came of it")
        func slowRefusal() async throws {
            for ending in [HostileStep.hang, .endlessly([0x62], every: .milliseconds(100))] {
                let script: HostileServer.Script = { _ in
                    [.readRequest, .text("HTTP/1.1 503 No\nRetry-After: 9\ncontent-length: 5000\n\nwhy"), ending]
                }
                try await TransportRig.with(timeout: .seconds(10), script: script) { rig, _ in
                    let start = ContinuousClock.now
                    let result = await rig.post()
                    #expect(result.verdict == .wait(.seconds(9)) && result.answer.prefix(3) == Array("why".utf8)[...])
                    #expect((.seconds(1.9)...(.seconds(4))).contains(start.duration(to: .now)))
                }
            }
            let script: HostileServer.Script = { _ in
                [.readRequest, .text("HTTP/1.1 422 No\ncontent-length: 9\n\nx"), .hang]
            }
            try await TransportRig.with(timeout: .milliseconds(300), script: script) { rig, _ in
                let start = ContinuousClock.now
                #expect(await rig.post().verdict == .refused)
                #expect(start.duration(to: .now) < .milliseconds(900), "the deadline holds for the body as well")
            }
        }

        @Test(
            "no answer in time is a timeout, however much keeps coming",
            arguments: ["nothing", "half a head", "slow head", "slow accept", "1xx flood", "slow 1xx"])
        func timeouts(kind: String) async throws {
            let steps: [HostileStep] =
                switch kind {
                case "nothing": [.readRequest, .hang]
                case "half a head": [.readRequest, .text("HTTP/1.1 200 OK\nx:"), .hang]
                case "slow head":
                    [.readRequest, .text("HTTP/1.1 200 OK\nx: "), .endlessly([0x61], every: .milliseconds(5))]
                case "slow accept": [.hang]
                case "1xx flood":
                    [.readRequest, .endlessly(Array("HTTP/1.1 100 \r\n\r\n".utf8), every: .milliseconds(1))]
                default:
                    [.readRequest, .endlessly(Array("HTTP/1.1 102 P\r\n\r\n".utf8), every: .milliseconds(30))]
                }
            try await TransportRig.with(timeout: .milliseconds(400), steps: steps) { rig, server in
                let start = ContinuousClock.now
                let result = await rig.post()
                #expect(result.verdict == .retry && result.outcome == .timeout, "\(result)")
                #expect(result.message == "no answer within 0.4 s" && !result.isEndpointFailure && result.status == nil)
                #expect((.milliseconds(395)...(.milliseconds(1500))).contains(start.duration(to: .now)))
                try await waiting(for: "the connection to be closed", within: .seconds(3)) {
                    server.openCount == 0 ? true : nil
                }
                #expect(rig.transport.watch.counts.all == 0)
            }
        }

        @Test(
            "header bombs are cut off early",
            arguments: [
                "one endless value", "endless fields", "endless status line", "1xx at full speed", "empty lines",
            ])
        func headerBombs(kind: String) async throws {
            let bomb: [HostileStep] =
                switch kind {
                case "one endless value": [.text("HTTP/1.1 200 OK\nx: "), .endlessly(kibibyte)]
                case "endless fields": [.text("HTTP/1.1 200 OK\n"), .endlessly(Array("a: b\r\n".utf8))]
                case "endless status line": [.text("HTTP/1.1 200 "), .endlessly(kibibyte)]
                case "1xx at full speed": [.endlessly(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))]
                default: [.endlessly(Array("\r\n".utf8))]
                }
            try await TransportRig.with(timeout: .seconds(5), steps: [.readRequest] + bomb) { rig, server in
                let start = ContinuousClock.now
                let result = await rig.post()
                #expect(result.verdict == .retry && result.outcome == .protocolError, "\(result)")
                #expect(!result.isEndpointFailure && start.duration(to: .now) < .seconds(4))
                try await waiting(for: "the connection to be closed", within: .seconds(3)) {
                    server.openCount == 0 ? true : nil
                }
                #expect(server.sentBytes < 16 << 20)
            }
        }

        @Test("endless trailers and chunk extensions are cut off, and the verdict stays")
        func endlessTrailers() async throws {
            for rest in ["0\n", "1;x="] {
                let script: HostileServer.Script = { _ in
                    [
                        .readRequest, .text("HTTP/1.1 400 No\ntransfer-encoding: chunked\n\n3\nwhy\n\(rest)"),
                        .endlessly(rest == "0\n" ? Array("a: b\r\n".utf8) : kibibyte),
                    ]
                }
                try await TransportRig.with(script: script) { rig, server in
                    let result = await rig.post()
                    #expect(result.verdict == .refused && result.answer == Array("why".utf8), "\(result)")
                    #expect(server.sentBytes < 16 << 20)
                }
            }
        }

        @Test(
            "what is no HTTP is a protocol error",
            arguments: [
                "hello\n", "HTTP/9.9 200 OK\n\n", "HTTP/1.1 abc OK\n\n", "HTTP/1.1 -5 OK\n\n", "HTTP/1.1 99999 OK\n\n",
                "HTTP/1.1 200 OK\n no: fold\n\n", "HTTP/1.1 200 OK\ncontent-length: -1\n\n",
                "HTTP/1.1 200 OK\ncontent-length: 1\ncontent-length: 2\n\n", "SSH-2.0-OpenSSH_9.2\n",
                "HTTP/1.1 200 OK\ncontent-length: 99999999999999999999999\n\n", "\u{0}\u{1}\u{2}\u{3}",
                "HTTP/1.1 200 OK\nx: a\u{0}b\n\n", "HTTP/2 200 OK\n\n",
            ])
        func notHTTP(text: String) async throws {
            try await TransportRig.with(timeout: .seconds(3), steps: [.readRequest, .text(text), .hang]) {
                rig, server in
                let result = await rig.post()
                #expect(result.verdict == .retry && result.outcome == .protocolError, "\(result)")
                #expect(!result.isEndpointFailure && !result.message.contains("OpenSSH"))
                try await waiting(for: "the connection to be closed", within: .seconds(3)) {
                    server.openCount == 0 ? true : nil
                }
            }
        }

        @Test("a connection that breaks without an answer is a connection error, and not the endpoint's beyond doubt")
        func broken() async throws {
            for ending in [
                [HostileStep.close], [.reset], [.text("HTTP/1.1 20"), .close], [.text("HTTP/1.1 20"), .reset],
            ] {
                try await TransportRig.with(steps: [.readRequest] + ending) { rig, server in
                    let result = await rig.post()
                    #expect(
                        result.verdict == .retry && [.connection, .protocolError].contains(result.outcome), "\(result)")
                    #expect(
                        !result.isEndpointFailure && server.connectionCount == 1, "a new connection is not repeated")
                }
            }
        }

        @Test("an answer before the request is read is an answer")
        func early() async throws {
            let large = String(repeating: "x", count: 8 << 20)
            for status in [200, 413, 503] {
                for ending in [
                    [HostileStep.hang], [.pause(.milliseconds(50)), .close], [.pause(.milliseconds(50)), .reset],
                ] {
                    try await TransportRig.with(steps: [.readHead, .answer(status, body: "early")] + ending) {
                        rig, _ in
                        let result = await rig.post(large)
                        #expect(result.status == status, "\(status) \(ending): \(result)")
                        try await rig.waitUntilIdle()
                    }
                }
            }
        }

        @Test("an answer that nobody asked for ends its connection, not the relay")
        func unsolicited() async throws {
            let script: HostileServer.Script = { _ in
                [
                    .readRequest, .answer(200), .answer(200, body: "more"), .pause(.milliseconds(10)), .answer(200),
                    .endlessly(Array("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".utf8), every: .milliseconds(1)),
                ]
            }
            try await TransportRig.with(script: script) { rig, _ in
                for _ in 0..<30 {
                    #expect(await rig.post().verdict == .delivered)
                    try await Task.sleep(for: .milliseconds(3))
                }
            }
        }

        @Test("a protocol that is switched to nobody's wish is no delivery")
        func switching() async throws {
            let script: HostileServer.Script = { _ in
                [
                    .readRequest,
                    .text("HTTP/1.1 101 Switching Protocols\nupgrade: websocket\nconnection: upgrade\n\n"),
                    .endlessly(Array("\u{1}\u{2}".utf8), every: .milliseconds(5)),
                ]
            }
            try await TransportRig.with(timeout: .milliseconds(500), script: script) { rig, server in
                let result = await rig.post()
                #expect(result.verdict == .retry && result.outcome == .other, "\(result)")
                try await waiting(for: "the connection to be closed", within: .seconds(3)) {
                    server.openCount == 0 ? true : nil
                }
            }
        }

        @Test("answers with random damage never hang, never leak and never end the process")
        func mutations() async throws {
            let seeds = [
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
                "HTTP/1.1 503 No\r\nRetry-After: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 422 No\r\nconnection: close\r\n\r\nwhy",
                "HTTP/1.1 204 None\r\n\r\nHTTP/1.1 304 Not\r\n\r\n",
            ].map { Array($0.utf8) }
            let script: HostileServer.Script = { number in
                var generator = SeededGenerator(seed: UInt64(number))
                var bytes = seeds[number % seeds.count]
                for _ in 0...Int.random(in: 0...6, using: &generator) {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0...3, using: &generator) {
                    case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                    case 1: bytes.remove(at: place)
                    case 2: bytes.insert(contentsOf: bytes[place...].prefix(9), at: place)
                    default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
                    }
                }
                let cut = Int.random(in: 0...bytes.count, using: &generator)
                let ending: HostileStep = [.close, .reset, .hang][Int.random(in: 0...2, using: &generator)]
                return [
                    .readRequest, .send(Array(bytes[..<cut])), .pause(.milliseconds(1)), .send(Array(bytes[cut...])),
                    ending,
                ]
            }
            try await TransportRig.with(timeout: .milliseconds(250), concurrency: 32, keeping: 0, script: script) {
                rig, server in
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<32 {
                        group.addTask {
                            for _ in 0..<40 {
                                let result = await rig.post()
                                #expect(result.verdict != .cancelled)
                            }
                        }
                    }
                }
                try await rig.waitUntilIdle()
                #expect(server.requestCount >= 1000)
            }
        }
    }
}

/// Random numbers that are the same every time (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
