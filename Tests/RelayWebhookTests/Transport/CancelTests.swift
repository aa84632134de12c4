import Foundation
import RelayTesting
import Testing

@testable import RelayWebhook

extension Posting {
    @Suite("Breaking off")
    struct CancelTests {
        private func descriptors() -> Int {
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        }

        @Test("a thousand hung requests are cancelled at once, and leave nothing behind")
        func thousand() async throws {
            let server = try await HostileServer.start(keeping: 0) { _ in [.readRequest, .hang] }
            // What is made once per process is not counted.
            let warm = try TransportRig(server.url, timeout: .milliseconds(100), concurrency: 1000)
            _ = await warm.post()
            await warm.transport.shutdown()
            let before = descriptors()
            let rig = try TransportRig(server.url, timeout: .seconds(60), concurrency: 1000)
            try await withThrowingTaskGroup(of: AttemptResult.self) { group in
                for _ in 0..<1000 { group.addTask { await rig.post() } }
                try await waiting(for: "1000 hung requests", within: .seconds(30)) {
                    server.requestCount >= 1001 ? true : nil
                }
                #expect(rig.transport.watch.counts.all == 1000)
                let start = ContinuousClock.now
                rig.transport.cancelAll()
                for try await result in group {
                    #expect(result.verdict == .cancelled && result.outcome == .cancelled && !result.isEndpointFailure)
                }
                #expect(start.duration(to: .now) < .seconds(2))
            }
            #expect(rig.transport.watch.counts == (0, 0))
            try await waiting(for: "the connections to be closed", within: .seconds(10)) {
                server.openCount == 0 && descriptors() <= before + 10 ? true : nil
            }
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("cancelling is for what is under way: later requests go their way")
        func afterwards() async throws {
            let script: HostileServer.Script = { number in
                number < 4 ? [.readRequest, .hang] : [.readRequest, .answer(200), .again]
            }
            try await TransportRig.with(script: script) { rig, server in
                async let results = withTaskGroup(of: AttemptResult.self) { group in
                    for _ in 0..<4 { group.addTask { await rig.post() } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                try await waiting(for: "4 requests", within: .seconds(5)) { server.requestCount == 4 ? true : nil }
                rig.transport.cancelAll()
                #expect(await results.allSatisfy { $0.verdict == .cancelled })
                for _ in 0..<3 { #expect(await rig.post().verdict == .delivered) }
            }
        }

        @Test("whatever an attempt waits for, it can be cancelled", arguments: ["a name", "a connection", "an answer"])
        func stages(stage: String) async throws {
            let server = try await HostileServer.start { _ in [.readRequest, .hang] }
            let (silent, silentPort) = try FullListener.open("127.0.0.1")
            defer { silent.close() }
            let port = stage == "a connection" ? silentPort : server.port
            let rig = try TransportRig(
                "http://billing.example:\(port)/", timeout: .seconds(60),
                lookup: { _ in
                    if stage == "a name" { Thread.sleep(forTimeInterval: 1) }
                    return .success([IPAddress([127, 0, 0, 1])])
                })
            async let result = rig.post()
            try await waiting(for: "the attempt to be under way", within: .seconds(5)) {
                rig.transport.watch.counts.all == 1 && (stage != "an answer" || server.requestCount == 1) ? true : nil
            }
            let start = ContinuousClock.now
            rig.transport.cancelAll()
            #expect(await result.verdict == .cancelled)
            #expect(start.duration(to: .now) < .milliseconds(500))
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("cancelling again and again while requests come and go loses none of them")
        func storm() async throws {
            try await TransportRig.with(
                concurrency: 16, keeping: 0,
                steps: [.readRequest, .pause(.milliseconds(2)), .answer(200), .again]
            ) { rig, _ in
                let counts = await withTaskGroup(of: (Int, Int).self) { group in
                    for _ in 0..<16 {
                        group.addTask {
                            var (delivered, cancelled) = (0, 0)
                            for _ in 0..<100 {
                                let result = await rig.post()
                                switch result.verdict {
                                case .delivered: delivered += 1
                                case .cancelled: cancelled += 1
                                default: Issue.record("\(result)")
                                }
                            }
                            return (delivered, cancelled)
                        }
                    }
                    group.addTask {
                        for _ in 0..<60 {
                            rig.transport.cancelAll()
                            try? await Task.sleep(for: .milliseconds(3))
                        }
                        return (0, 0)
                    }
                    return await group.reduce(into: (0, 0)) { $0 = ($0.0 + $1.0, $0.1 + $1.1) }
                }
                #expect(counts.0 + counts.1 == 1600 && counts.0 > 0 && counts.1 > 0, "\(counts)")
                try await rig.waitUntilIdle()
            }
        }

        @Test("after the shutdown everything is cancelled, and every connection is closed")
        func shutdown() async throws {
            let script: HostileServer.Script = { number in
                number == 0 ? [.readRequest, .hang] : [.readRequest, .answer(200), .again]
            }
            try await TransportRig.with(script: script) { rig, server in
                async let hung = rig.post()
                try await waiting(for: "the request", within: .seconds(5)) { server.requestCount == 1 ? true : nil }
                #expect(await rig.post().verdict == .delivered)
                await rig.transport.shutdown()
                #expect(await hung.verdict == .cancelled)
                #expect(await rig.post().verdict == .cancelled)
                try await waiting(for: "the connections to be closed", within: .seconds(5)) {
                    server.openCount == 0 ? true : nil
                }
                await rig.transport.shutdown()
            }
        }

        @Test("a transport that is dropped without a shutdown closes its connections")
        func dropped() async throws {
            let server = try await HostileServer.start { _ in [.readRequest, .answer(200), .again] }
            var rig: TransportRig? = try TransportRig(server.url)
            _ = await rig?.post()
            #expect(server.openCount == 1)
            rig = nil
            try await waiting(for: "the connection to be closed", within: .seconds(5)) {
                server.openCount == 0 ? true : nil
            }
            await server.stop()
        }

        @Test("endless bodies at full speed on many connections need little memory")
        func memory() async throws {
            let chunk = [UInt8](repeating: 0x61, count: 256 << 10)
            for head in ["HTTP/1.1 200 OK\n\n", "HTTP/1.1 500 No\n\n", "HTTP/1.1 200 OK\nx: "] {
                let script: HostileServer.Script = { _ in [.readRequest, .text(head), .endlessly(chunk)] }
                try await TransportRig.with(timeout: .seconds(20), concurrency: 64, keeping: 0, script: script) {
                    rig, _ in
                    let before = ProcessFacts.residentBytes(of: getpid()) ?? 0
                    await withTaskGroup(of: Void.self) { group in
                        for _ in 0..<64 {
                            group.addTask { for _ in 0..<10 { #expect(await rig.post().verdict != .cancelled) } }
                        }
                    }
                    let after = ProcessFacts.residentBytes(of: getpid()) ?? 0
                    // The servers are in this process too, with a chunk for each connection.
                    #expect(after - before < 96 << 20, "\((after - before) >> 20) MiB more")
                }
            }
        }
    }
}
