import RelayTesting
import Synchronization
import Testing

@testable import RelayWebhook

extension Posting {
    @Suite("Connections that are closed while they are idle")
    struct StaleConnectionTests {
        private let ends: [HostileStep] = [.close, .reset]

        @Test("a request that is lost with a connection used before is repeated at once, once, over a new one")
        func repeated() async throws {
            for end in ends {
                // The second request is read and the connection closed without an answer.
                let script: HostileServer.Script = { number in
                    number == 0
                        ? [.readRequest, .answer(200), .readRequest, end] : [.readRequest, .answer(201), .again]
                }
                try await TransportRig.with(script: script) { rig, server in
                    #expect(await rig.post("first").status == 200)
                    #expect(await rig.post("second").status == 201)
                    #expect(server.connectionCount == 2)
                    #expect(
                        server.requests.map { String(decoding: $0.body, as: UTF8.self) } == [
                            "first", "second", "second",
                        ])
                }
            }
        }

        @Test("it is repeated once only, and a new connection that breaks is an error")
        func once() async throws {
            for end in ends {
                let script: HostileServer.Script = { number in
                    number == 0 ? [.readRequest, .answer(200), .readRequest, end] : [.readRequest, end]
                }
                try await TransportRig.with(script: script) { rig, server in
                    #expect(await rig.post().verdict == .delivered)
                    let result = await rig.post()
                    #expect(result.verdict == .retry && result.outcome == .connection, "\(result)")
                    #expect(!result.isEndpointFailure && server.requestCount == 3 && server.connectionCount == 2)
                }
            }
        }

        @Test("an answer that had begun is not asked for again")
        func begun() async throws {
            let script: HostileServer.Script = { number in
                number == 0
                    ? [.readRequest, .answer(200), .readRequest, .text("HTTP/1.1 "), .close]
                    : [.readRequest, .answer(200)]
            }
            try await TransportRig.with(script: script) { rig, server in
                #expect(await rig.post().verdict == .delivered)
                #expect(await rig.post().verdict == .retry)
                #expect(server.requestCount == 2)
            }
        }

        @Test("the repetition has a connection of its own, however many idle ones have died")
        func manyIdle() async throws {
            // All eight connections die in the moment in which each gets its second request.
            let script: HostileServer.Script = { number in
                number < 8
                    ? [.readRequest, .await("all"), .answer(200), .readRequest, .reset]
                    : [.readRequest, .answer(200), .again]
            }
            try await TransportRig.with(script: script) { rig, server in
                for round in 0..<2 {
                    let results = await withTaskGroup(of: AttemptResult.self) { group in
                        for _ in 0..<8 { group.addTask { await rig.post() } }
                        if round == 0 {
                            while server.requestCount < 8 { try? await Task.sleep(for: .milliseconds(2)) }
                            server.open("all")
                        }
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(results.allSatisfy { $0.verdict == .delivered }, "\(results)")
                }
                #expect(server.requestCount == 24)
            }
        }

        @Test("connections closed while nobody uses them cost nobody anything")
        func closedWhileIdle() async throws {
            let script: HostileServer.Script = { _ in [.readRequest, .answer(200), .close] }
            try await TransportRig.with(script: script) { rig, server in
                for _ in 0..<50 { #expect(await rig.post().verdict == .delivered) }
                #expect(server.requestCount >= 50)
            }
        }

        @Test("a server that restarts between requests is found again")
        func restart() async throws {
            try await TransportRig.with(steps: [.readRequest, .answer(200), .again]) { rig, server in
                for _ in 0..<20 {
                    #expect(await rig.post().verdict == .delivered)
                    await server.dropAll()
                }
            }
        }

        @Test("`connection: close` is heeded")
        func asked() async throws {
            let script: HostileServer.Script = { _ in
                [.readRequest, .answer(200, "connection: close"), .pause(.milliseconds(30)), .close]
            }
            try await TransportRig.with(script: script) { rig, server in
                for _ in 0..<5 { #expect(await rig.post().verdict == .delivered) }
                #expect(server.connectionCount == 5)
            }
        }
    }
}
