import Foundation
import RelayTesting
import Synchronization
import Testing

@testable import RelayWebhook

extension Posting {
    @Suite("Names and addresses")
    struct NameTests {
        /// A lookup that counts, and answers what it is told to.
        private final class Names: Sendable {
            private let state:
                Mutex<(answer: Result<[IPAddress], NameResolver.Failure>, asked: [String], delay: Double)>
            init(_ addresses: String..., delay: Double = 0) {
                state = Mutex((.success(addresses.map { IPAddress($0)! }), [], delay))
            }
            var asked: [String] { state.withLock { $0.asked } }
            func become(_ addresses: String...) {
                state.withLock { $0.answer = .success(addresses.map { IPAddress($0)! }) }
            }
            func fail(_ reason: String) { state.withLock { $0.answer = .failure(.init(reason: reason)) } }
            func delay(_ seconds: Double) { state.withLock { $0.delay = seconds } }
            var lookup: NameResolver.Lookup {
                { host in
                    let (answer, delay) = self.state.withLock { state in
                        state.asked.append(host)
                        return (state.answer, state.delay)
                    }
                    if delay > 0 { Thread.sleep(forTimeInterval: delay) }
                    return answer
                }
            }
        }

        private func server(host: String = "127.0.0.1", port: Int = 0) async throws -> HostileServer {
            try await HostileServer.start(host: host, port: port) { _ in [.readRequest, .answer(200), .again] }
        }

        @Test("a name is looked up once for all attempts, and connected to by its address")
        func singleFlight() async throws {
            let server = try await server()
            let names = Names("127.0.0.1", delay: 0.05)
            let rig = try TransportRig(
                "http://billing.example:\(server.port)/hook", concurrency: 32, lookup: names.lookup)
            #expect(names.asked.isEmpty, "nothing is looked up before the first message")
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<32 { group.addTask { #expect(await rig.post().verdict == .delivered) } }
            }
            #expect(await rig.post().verdict == .delivered)
            #expect(names.asked == ["billing.example"])
            #expect(server.requests.allSatisfy { $0.header("host") == "billing.example:\(server.port)" })
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("the system's own resolver knows localhost, and both of its addresses are tried")
        func localhost() async throws {
            let server = try await server()
            let rig = try TransportRig(server.url(host: "localhost"))
            #expect(await rig.post().verdict == .delivered)
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("a name that is not known is the endpoint's failure")
        func unknown() async throws {
            let names = Names()
            names.fail("Name or service not known")
            let rig = try TransportRig("http://billing.example/hook", lookup: names.lookup)
            for count in 1...3 {
                let result = await rig.post()
                #expect(result.verdict == .retry && result.outcome == .dns && result.isEndpointFailure)
                #expect(result.message == "the name billing.example could not be resolved: Name or service not known")
                #expect(names.asked.count == count, "each attempt asks anew")
            }
            await rig.transport.shutdown()
        }

        @Test("a lookup that hangs costs its attempts their time-out, and later ones do not queue behind it")
        func hanging() async throws {
            let names = Names("127.0.0.1", delay: 2)
            let server = try await server()
            let rig = try TransportRig(
                "http://billing.example:\(server.port)/hook", timeout: .milliseconds(300), lookup: names.lookup)
            let start = ContinuousClock.now
            let result = await rig.post()
            #expect(result.outcome == .timeout && result.isEndpointFailure, "\(result)")
            #expect(start.duration(to: .now) < .milliseconds(900))
            // Who comes while it still hangs waits for the same one.
            #expect(await rig.post().outcome == .timeout)
            #expect(names.asked.count == 1)
            try await waiting(for: "the lookup to end", within: .seconds(5)) {
                await rig.post().verdict == .delivered ? true : nil
            }
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("an address that refuses makes way for the next within the attempt, and stays out of use")
        func rotation() async throws {
            let server = try await server(host: "127.0.0.3")
            let names = Names("127.0.0.2", "127.0.0.3")
            let rig = try TransportRig("http://billing.example:\(server.port)/hook", lookup: names.lookup)
            for _ in 0..<5 { #expect(await rig.post().verdict == .delivered) }
            #expect(server.connectionCount == 1 && names.asked.count == 1)
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("an address that does not answer makes way as well, in a part of the time-out")
        func silentAddress() async throws {
            // A listener whose backlog is full: connecting to it hangs.
            let (silent, port) = try FullListener.open("127.0.0.2")
            defer { silent.close() }
            let server = try await server(host: "127.0.0.3", port: port)
            let names = Names("127.0.0.2", "127.0.0.3")
            let rig = try TransportRig(
                "http://billing.example:\(port)/hook", timeout: .seconds(2), lookup: names.lookup)
            let start = ContinuousClock.now
            let result = await rig.post()
            #expect(result.verdict == .delivered, "\(result)")
            #expect((.milliseconds(500)...(.milliseconds(1900))).contains(start.duration(to: .now)))
            let again = ContinuousClock.now
            #expect(await rig.post().verdict == .delivered)
            #expect(again.duration(to: .now) < .milliseconds(300))
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("no connection within the time-out is the endpoint's failure")
        func noConnection() async throws {
            let (silent, port) = try FullListener.open("127.0.0.1")
            defer { silent.close() }
            let rig = try TransportRig("http://127.0.0.1:\(port)/", timeout: .milliseconds(400))
            let result = await rig.post()
            #expect([.timeout, .connection].contains(result.outcome) && result.isEndpointFailure, "\(result)")
            #expect(result.message.contains("no connection to 127.0.0.1:\(port)"), "\(result.message)")
            await rig.transport.shutdown()
        }

        @Test("when nothing can be connected to, the next attempt looks the name up again and finds the new address")
        func moved() async throws {
            let server = try await server()
            let names = Names("127.0.0.1")
            let rig = try TransportRig("http://billing.example:\(server.port)/hook", lookup: names.lookup)
            #expect(await rig.post().verdict == .delivered)
            let port = server.port
            await server.stop()
            let other = try await self.server(host: "127.0.0.5", port: port)
            names.become("127.0.0.5")
            // Connections of the last second are no reason to ask again.
            try await waiting(for: "the new address to be found", within: .seconds(5), every: .milliseconds(100)) {
                let result = await rig.post()
                if result.verdict != .delivered {
                    #expect(result.outcome == .connection && result.isEndpointFailure, "\(result)")
                    #expect(result.message == "billing.example:\(port) refused the connection")
                }
                return result.verdict == .delivered ? true : nil
            }
            #expect(other.requestCount == 1 && names.asked.count == 2)
            await rig.transport.shutdown()
            await other.stop()
        }

        @Test(
            "names and addresses that lead to what is never connected to are refused without a packet",
            arguments: [
                "http://169.254.169.254/latest/meta-data", "http://2852039166/", "http://0xA9.0xFE.0xA9.0xFE/",
                "http://0251.0376.0251.0376/", "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/", "http://0/",
                "http://[fd00:ec2::254]/", "http://billing.example/",
            ])
        func forbidden(url: String) async throws {
            let names = Names("169.254.169.254", "fe80::1")
            let rig = try TransportRig(url, lookup: names.lookup)
            let start = ContinuousClock.now
            let result = await rig.post()
            #expect(result.verdict == .retry && result.outcome == .forbiddenAddress && result.isEndpointFailure)
            #expect(result.message.contains("has only addresses that are never connected to: "))
            #expect(start.duration(to: .now) < .milliseconds(500))
            await rig.transport.shutdown()
        }

        @Test("of several addresses only the allowed ones are used")
        func mixed() async throws {
            let server = try await server()
            let names = Names("169.254.169.254", "127.0.0.1", "fe80::1")
            let rig = try TransportRig("http://billing.example:\(server.port)/", lookup: names.lookup)
            #expect(await rig.post().verdict == .delivered)
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("an address that passes by mistake is noticed when the connection is there, and nothing is sent")
        func secondLook() async throws {
            let server = try await server()
            let looks = Mutex(0)
            // The first two looks, at the answer and before the client is made, let it pass.
            let rig = try TransportRig(
                "http://billing.example:\(server.port)/", lookup: Names("127.0.0.1").lookup,
                forbids: { _ in
                    looks.withLock { looks in
                        looks += 1
                        return looks > 2
                    }
                })
            let result = await rig.post()
            #expect(result.outcome == .forbiddenAddress && result.isEndpointFailure, "\(result)")
            try await waiting(for: "the connection to be closed", within: .seconds(3)) {
                server.connectionCount == 1 && server.openCount == 0 ? true : nil
            }
            #expect(server.requestCount == 0)
            await rig.transport.shutdown()
            await server.stop()
        }

        @Test("a server on another address than the name's is not asked by what the system resolves")
        func pinned() async throws {
            // `localhost` is 127.0.0.1 for the system; here it stands for 127.0.0.9.
            let wrong = try await server()
            let right = try await server(host: "127.0.0.9", port: wrong.port)
            let rig = try TransportRig("http://localhost:\(wrong.port)/", lookup: Names("127.0.0.9").lookup)
            #expect(await rig.post().verdict == .delivered)
            #expect(wrong.connectionCount == 0 && right.requestCount == 1)
            await rig.transport.shutdown()
            await wrong.stop()
            await right.stop()
        }
    }
}
