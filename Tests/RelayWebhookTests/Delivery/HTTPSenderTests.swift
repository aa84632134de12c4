import RelayCore
import Testing

@testable import RelayWebhook

/// What becomes of events of which no request can be made.
@Suite("Requests that cannot be made")
struct HTTPSenderTests {
    private struct LibraryFailure: Error {}

    /// The result of an attempt whose encoding throws `error`. Nothing listens where it would go.
    private func attempt(throwing error: any Error) async throws -> AttemptResult {
        let transport = try TransportRig("http://127.0.0.1:1/hook").transport
        let sender = HTTPSender(encode: { _, _, _ in throw error }, transport: transport)
        let result = await sender.attempt([MessageSample().event], redelivery: nil)
        await transport.shutdown()
        return result
    }

    @Test("what may pass is tried again, not given up")
    func passing() async throws {
        let signing = RelayError(.internalFault, "a request could not be signed with ed25519", isRetriable: true)
        for error: any Error in [signing, LibraryFailure()] {
            let result = try await attempt(throwing: error)
            #expect(result.verdict == .retry && result.outcome == .unsent && result.status == nil)
            #expect(!result.isEndpointFailure, "the endpoint was never called")
        }
        #expect(try await attempt(throwing: signing).message.contains("signed"))
    }

    @Test("an event of which no request can ever be made is refused")
    func lasting() async throws {
        let result = try await attempt(throwing: RelayError(.poison, "its payload is no JSON"))
        #expect(result.verdict == .refused && result.outcome == .refused)
        #expect(result.message.hasSuffix("its payload is no JSON"))
    }

    @Test("a request that can be made is posted")
    func posted() async throws {
        try await TransportRig.with(steps: [.readRequest, .answer(204), .again]) { rig, server in
            let sender = HTTPSender(encoder: try encoder(), transport: rig.transport)
            #expect(await sender.attempt([MessageSample().event], redelivery: "retry").verdict == .delivered)
            #expect(server.requests.last?.header("outbox-relay-redelivery") == "retry")
        }
    }
}
