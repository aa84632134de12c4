import Foundation
import RelayCore
import Testing

@testable import RelayOperations

@Suite struct ListenerTests {
    @Test func aPortInUseIsAnErrorThatSaysWhatToDo() async throws {
        try await TestServer.with { server in
            let second = OperationsServer(host: "127.0.0.1", port: server.port, status: .example(), logger: .quiet)
            let error = await #expect(throws: RelayError.self) { try await second.run() }
            #expect(error?.code == .configuration)
            #expect(error?.message.contains("127.0.0.1:\(server.port)") == true)
            #expect(error?.message.contains("RELAY_HTTP_PORT") == true)
            let first = try await server.get("/livez")
            #expect(first.status == 200)
        }
    }

    @Test(arguments: ["192.0.2.1", "no-such-host.invalid"])
    func anAddressThatIsNotOursIsAnErrorThatSaysWhatToDo(host: String) async throws {
        let server = OperationsServer(host: host, port: 0, status: .example(), logger: .quiet)
        let error = await #expect(throws: RelayError.self) { try await server.run() }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains(host) == true)
        #expect(error?.message.contains("RELAY_HTTP_HOST") == true)
    }

    @Test func anyAddressIsReachedOverIPv4AndWhereThereIsOneIPv6() async throws {
        try await TestServer.with(host: "::") { server in
            #expect(try await server.get("/livez").status == 200)
            if ListenAddress.hasDualStack() {
                let answer = try await HealthProbe.fetch(
                    host: "::1", port: server.port, path: "/livez", timeout: .seconds(5))
                #expect(answer.status == 200)
            }
        }
    }

    @Test func withoutIPv6OnlyIPv4IsServed() {
        #expect(ListenAddress.host(for: "::", hasDualStack: { false }) == "0.0.0.0")
        #expect(ListenAddress.host(for: "::", hasDualStack: { true }) == "::")
        #expect(ListenAddress.host(for: "::1", hasDualStack: { false }) == "::1")
        #expect(ListenAddress.host(for: "127.0.0.1", hasDualStack: { false }) == "127.0.0.1")
    }

    @Test func moreErrorsOfBindingAreSentences() {
        #expect(ListenAddress.failure("::", 80, errno: EACCES).message.contains("may not use that port"))
        #expect(ListenAddress.failure("::", 80, errno: EACCES).message.contains("[::]:80"))
        #expect(ListenAddress.failure("h", 80, errno: ENOMEM).message.contains("h:80"))
    }
}
