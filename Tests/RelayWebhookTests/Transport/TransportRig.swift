import Logging
import NIOCore
import NIOHTTP1
import RelayTesting

@testable import RelayWebhook

/// A transport to a hostile server, and what tests ask it for.
struct TransportRig: Sendable {
    let transport: WebhookTransport

    init(
        _ url: String, timeout: Duration = .seconds(5), concurrency: Int = 8,
        lookup: NameResolver.Lookup? = nil, forbids: @escaping @Sendable (IPAddress) -> Bool = AddressPolicy.forbids,
        _ change: (inout WebhookOptions) -> Void = { _ in }
    ) throws {
        var options = WebhookOptions(destination: "billing", pipeline: "shop/billing", url: url, eventSource: "/shop")
        options.timeout = timeout
        options.concurrency = concurrency
        options.secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
        change(&options)
        transport = try WebhookTransport(
            options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            resolver: lookup.map { NameResolver($0) } ?? NameResolver(), forbids: forbids)
    }

    static func message(_ body: String = #"{"amount":12}"#, headers: HTTPHeaders = [:]) -> WebhookMessage {
        var all: HTTPHeaders = ["webhook-id": "evt-1", "content-type": "application/json"]
        all.add(contentsOf: headers)
        return WebhookMessage(body: ByteBuffer(string: body), headers: all)
    }

    func post(_ body: String = #"{"amount":12}"#) async -> AttemptResult { await transport.post(Self.message(body)) }

    /// Waits until nothing is under way any more, not even the rest of an answer.
    func waitUntilIdle() async throws {
        try await waiting(for: "nothing to be under way", within: .seconds(5), every: .milliseconds(5)) {
            transport.watch.counts.all == 0 ? true : nil
        }
    }

    /// A transport to a server that does the same in every connection; both end with the closure.
    static func with<Result>(
        timeout: Duration = .seconds(5), concurrency: Int = 8, keeping: Int = 100, steps: [HostileStep],
        _ body: (TransportRig, HostileServer) async throws -> Result
    ) async throws -> Result {
        let script: HostileServer.Script = { _ in steps }
        return try await with(
            timeout: timeout, concurrency: concurrency, keeping: keeping, script: script, body)
    }

    /// A transport to a server with a script; both end with the closure.
    static func with<Result>(
        timeout: Duration = .seconds(5), concurrency: Int = 8, host: String? = nil, keeping: Int = 100,
        change: (inout WebhookOptions) -> Void = { _ in }, script: @escaping HostileServer.Script,
        _ body: (TransportRig, HostileServer) async throws -> Result
    ) async throws -> Result {
        let server = try await HostileServer.start(keeping: keeping, script)
        let rig = try TransportRig(
            host.map { server.url(host: $0) } ?? server.url, timeout: timeout, concurrency: concurrency, change)
        do {
            let result = try await body(rig, server)
            await rig.transport.shutdown()
            await server.stop()
            return result
        } catch {
            await rig.transport.shutdown()
            await server.stop()
            throw error
        }
    }
}
