import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A webhook's receiver on 127.0.0.1 that verifies what it gets, answers as it is told and remembers every delivery.
///
///     let receiver = try await WebhookReceiver.start(secrets: [secret])
///     receiver.behave(.key("order-7", .status(500)), .some(0.1, seed: 1, .hang))
///     … DESTINATION_URL = receiver.url …
///     try await receiver.waitForAccepted(1000)
///     let report = receiver.check(record.committed)
///     await receiver.stop()
package final class WebhookReceiver: Sendable {
    private let script: ReceiverScript
    private let group: MultiThreadedEventLoopGroup
    private let state = Mutex<(port: UInt16, listener: (any Channel)?)>((0, nil))
    private let connections = Connections()

    /// The open connections, and how many there ever were.
    private final class Connections: Sendable {
        private let state = Mutex<(open: [ObjectIdentifier: any Channel], ever: Int, isDown: Bool)>(([:], 0, false))

        var ever: Int { state.withLock { $0.ever } }

        /// Closes what is open, and what was accepted just before and is not open yet.
        func down() async {
            let open = state.withLock { state in
                state.isDown = true
                return Array(state.open.values)
            }
            for channel in open { try? await channel.close() }
        }

        func up() { state.withLock { $0.isDown = false } }

        func add(_ channel: any Channel) {
            let number = ObjectIdentifier(channel)
            let isDown = state.withLock { state in
                state.open[number] = channel
                state.ever += 1
                return state.isDown
            }
            if isDown { channel.close(promise: nil) }
            channel.closeFuture.whenComplete { _ in self.state.withLock { $0.open[number] = nil } }
        }
    }

    private init(_ script: ReceiverScript, threads: Int) {
        self.script = script
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    }

    deinit { group.shutdownGracefully(queue: .global()) { _ in } }

    /// Starts one that accepts everything.
    /// - Parameters:
    ///   - secrets: what every request has to be signed by, in the forms `whsec_…`, `whpk_…` and `whsk_…`.
    ///   - keeping: how many requests, from the first on, are kept whole for ``requests``.
    ///   - remembering: how many deliveries are listed by ``deliveries(of:)``; more are only counted.
    ///   - threads: threads of its own.
    /// - Throws: ``TestingError`` when there is no free port, or a secret is none.
    package static func start(
        secrets: [String] = [], keeping: Int = 0, remembering: Int = 2_000_000, threads: Int = 1
    ) async throws -> WebhookReceiver {
        let script = ReceiverScript(
            verifier: try SignatureVerifier(secrets), keeping: keeping, remembering: remembering)
        let receiver = WebhookReceiver(script, threads: threads)
        for attempt in 1... {
            receiver.state.withLock { $0.port = 0 }
            let port = try FreePort.next()
            do {
                try await receiver.listen(on: port)
                break
            } catch let error as IOError where attempt < 10 && error.errnoCode == EADDRINUSE {
                continue
            }
        }
        return receiver
    }

    /// Its port; the same after ``down()`` and ``up()``.
    package var port: UInt16 { state.withLock { $0.port } }
    /// Where events go.
    package var url: String { "http://127.0.0.1:\(port)/hook" }
    /// Where OAuth2 tokens are to be had.
    package var tokenURL: String { "http://127.0.0.1:\(port)/token" }
    /// The token endpoint behind ``tokenURL``.
    package var tokens: TokenEndpoint { script.tokens }

    /// Answers by these rules from now on, the first that has an answer; without any it accepts everything.
    package func behave(_ rules: Behaviour...) { script.behave(rules) }

    // MARK: - What came

    /// Distinct events that were accepted (2xx) so far.
    package var accepted: Int { script.record.read { $0.accepted } }
    /// Requests so far, and those that wait for their answer now and at most did at a time.
    package var requestCount: Int { script.record.read { $0.requests } }
    package var inFlight: Int { script.record.read { $0.inFlight } }
    package var mostInFlight: Int { script.record.read { $0.mostInFlight } }
    /// Connections that were opened so far.
    package var connectionCount: Int { connections.ever }
    /// The first requests, whole, as many as were to be kept.
    package var requests: [ReceivedRequest] { script.requests }
    /// Deliveries in the order of their arrival, of one event if it is named.
    package func deliveries(of id: String? = nil) -> [WebhookDelivery] { script.record.deliveries(of: id) }
    /// Whether this event was accepted.
    package func hasAccepted(_ id: String) -> Bool {
        script.record.read { state in state.indices[id].map { state.entries[Int($0)].accepted > 0 } ?? false }
    }
    /// When each event was first accepted, by its id.
    package var arrivals: [String: ContinuousClock.Instant] {
        script.record.read { state in
            var arrivals: [String: ContinuousClock.Instant] = [:]
            for entry in state.entries { if let time = entry.acceptedAt { arrivals[entry.id] = time } }
            return arrivals
        }
    }

    /// Compares what was accepted with what was committed.
    /// - Parameters:
    ///   - committed: every event that has to be accepted, but for those in `deadLettered`.
    ///   - aborted: ids of events that must not come.
    ///   - deadLettered: ids of events that were given up on.
    ///   - ordered: whether events of a key have to come in commit order.
    package func check(
        _ committed: [CommittedEvent], aborted: Set<String> = [], deadLettered: Set<String> = [], ordered: Bool = true
    ) -> WebhookReport {
        script.record.report(committed, aborted: aborted, deadLettered: deadLettered, ordered: ordered)
    }

    /// Waits until so many distinct events were accepted.
    /// - Throws: ``TestingError`` saying how many there were when time was up.
    package func waitForAccepted(_ wanted: Int, within limit: Duration = .seconds(30)) async throws {
        try await waitFor("\(wanted) accepted events", within: limit) { self.accepted >= wanted }
    }

    /// Waits until so many requests have come, whatever was answered.
    /// - Throws: ``TestingError`` saying how many there were when time was up.
    package func waitForRequests(_ wanted: Int, within limit: Duration = .seconds(30)) async throws {
        try await waitFor("\(wanted) requests", within: limit) { self.requestCount >= wanted }
    }

    private func waitFor(_ what: String, within limit: Duration, _ condition: () -> Bool) async throws {
        do {
            try await waiting(for: what, within: limit, every: .milliseconds(10)) { condition() ? true : nil }
        } catch let error as TestingError {
            throw TestingError("\(error) (there were \(accepted) accepted, of \(requestCount) requests)")
        }
    }

    // MARK: - Up and down

    /// Stops listening and closes every connection: who calls is refused.
    package func down() async {
        let listener = state.withLock { state in
            defer { state.listener = nil }
            return state.listener
        }
        try? await listener?.close()
        await connections.down()
    }

    /// Listens again, on the same port.
    /// - Throws: `IOError` when the port is taken.
    package func up() async throws {
        guard state.withLock({ $0.listener == nil }) else { return }
        try await listen(on: port)
    }

    /// Ends it; what came can still be asked for.
    package func stop() async { await down() }

    private func listen(on port: UInt16) async throws {
        let (script, connections) = (script, connections)
        connections.up()
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    connections.add(channel)
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try channel.pipeline.syncOperations.addHandler(ReceiverHandler(script))
                }
            }
            .bind(host: "127.0.0.1", port: Int(port)).get()
        state.withLock { state in
            state.port = port
            state.listener = listener
        }
    }
}
