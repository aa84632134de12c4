import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// One URL that requests are posted to: its addresses, and the connections to the one in use.
final class Endpoint: Sendable {
    /// The longest lookup of a name, and how many that take longer may be left to themselves.
    static let lookupTime = TimeAmount.seconds(10)
    static let mostAbandoned = 3

    typealias Resolution = Result<Void, TransportFault>
    fileprivate typealias Waiter = AttemptWatch.Waiter<Resolution>

    fileprivate struct State {
        var book: AddressBook
        var client: AddressClient?
        /// Who waits for the lookup under way, and its number.
        var waiters: [Waiter] = []
        var lookup = 0
        /// Lookups that took too long and have not ended yet.
        var abandoned = 0
        var isShutDown = false
    }

    let url: EndpointURL
    let tls: TLSConfiguration
    private let request: HTTPClient.Request
    private let settings: AddressClient.Settings
    private let timeout: Duration
    private let resolver: NameResolver
    private let watch: AttemptWatch
    private let state: Mutex<State>

    /// An endpoint that nothing connects to yet.
    /// - Parameters:
    ///   - tls: for `https` URLs.
    ///   - concurrency: connections at most, where HTTP/1 is spoken.
    ///   - loops: what connections live on.
    ///   - forbids: which addresses are never connected to.
    /// - Throws: `HTTPClientError` for a URL that it cannot use.
    init(
        _ url: EndpointURL, tls: TLSConfiguration, timeout: Duration, concurrency: Int,
        loops: [any EventLoop], watch: AttemptWatch, resolver: NameResolver,
        forbids: @escaping @Sendable (IPAddress) -> Bool = AddressPolicy.forbids
    ) throws {
        self.url = url
        self.tls = tls
        self.timeout = timeout
        self.resolver = resolver
        self.watch = watch
        request = try HTTPClient.Request(url: url.url, method: .POST)
        settings = AddressClient.Settings(
            host: url.host, tls: url.isSecure ? tls : nil, connectTimeout: .seconds(10), concurrency: concurrency,
            loops: loops, forbids: forbids)
        state = Mutex(State(book: AddressBook(literal: url.literal)))
    }

    /// Posts a request and waits for what is wanted of its answer.
    ///
    /// Where there are several addresses, one that cannot be connected to makes way for the next at once; and what was
    /// lost with a connection that had been idle is sent once more over a new one.
    func post(
        _ body: ByteBuffer, _ headers: HTTPHeaders, reading: HTTPExchange.Reading, until deadline: NIODeadline,
        in round: Int
    ) async -> HTTPExchange.Ending {
        var request = request
        request.headers = headers
        request.body = .byteBuffer(body)
        var unreachable = 0
        var isRepeated = false
        while true {
            let lease: AddressClient.Lease
            switch await self.lease(fresh: isRepeated, until: deadline, in: round) {
            case .success(let found): lease = found
            case .failure(let early): return early.ending
            }
            let ending = await HTTPExchange.run(
                request, over: lease, reading: reading, watch: watch, until: deadline, in: round)
            guard case .failed(let failure) = ending else { return ending }
            if failure.isBeforeRequest {
                unreachable += 1
                guard connectionFailed(lease.owner, tried: unreachable) else { return ending }
            } else {
                guard failure.isStaleConnection, !isRepeated else { return ending }
                isRepeated = true
            }
        }
    }

    /// Whether an address is never connected to.
    func forbids(_ address: IPAddress) -> Bool { settings.forbids(address) }

    /// All addresses, allowed or not; asks, and keeps nothing.
    func lookUpOnce() async -> Result<[IPAddress], NameResolver.Failure> {
        if let literal = url.literal { return .success([literal]) }
        let answer: Result<Result<[IPAddress], NameResolver.Failure>, AttemptWatch.Interruption> = await watch.wait(
            until: .now() + Self.lookupTime, in: watch.round
        ) { waiter in resolver.resolve(url.host) { waiter.succeed($0) } }
        switch answer {
        case .success(let result): return result
        case .failure: return .failure(.init(reason: "no answer in time"))
        }
    }

    /// Closes all connections and takes no more requests.
    func shutdown() async {
        let client = state.withLock { state in
            state.isShutDown = true
            return state.client.take()
        }
        await client?.shutdown()
    }

    // MARK: - Addresses

    private struct Early: Error { let ending: HTTPExchange.Ending }

    private func lease(
        fresh: Bool, until deadline: NIODeadline, in round: Int
    ) async -> Result<AddressClient.Lease, Early> {
        while true {
            let now = NIODeadline.now()
            let taken = state.withLock { state in
                state.isShutDown ? nil : state.lease(fresh: fresh, now: now, make: client(to:of:))
            }
            guard let (choice, leased, old) = taken else {
                return .failure(Early(ending: .ended(.cancelled, wasBegun: false)))
            }
            old?.retire()
            switch choice {
            case .use(let address, let refreshes):
                if refreshes { lookUp() }
                if let leased { return .success(leased) }
                // Only an address in the URL comes here without having been looked at.
                return .failure(Early(ending: .failed(.init(error: TransportFault.forbidden([address])))))
            case .wait(let starts):
                var isToStart = starts
                let answer: Result<Resolution, AttemptWatch.Interruption> = await watch.wait(
                    until: deadline, in: round
                ) { waiter in
                    subscribe(waiter)
                    if isToStart { lookUp() }
                    isToStart = false
                }
                // Cancelled before it waited: others rely on it all the same.
                if isToStart { lookUp() }
                switch answer {
                case .success(.success): continue
                case .success(.failure(let fault)): return .failure(Early(ending: .failed(.init(error: fault))))
                case .failure(let interruption):
                    return .failure(Early(ending: .ended(interruption.reason, wasBegun: false)))
                }
            }
        }
    }

    private func subscribe(_ waiter: Waiter) {
        let isTooLate = state.withLock { state in
            // It may have ended since.
            guard state.book.isResolving else { return true }
            state.waiters.append(waiter)
            return false
        }
        if isTooLate { waiter.succeed(.success(())) }
    }

    private func client(to address: IPAddress, of count: Int) -> AddressClient? {
        guard !settings.forbids(address) else { return nil }
        var settings = settings
        // Time for the other addresses, if there are some, and for an answer.
        let most = timeout.milliseconds * 3 / 4 / Int64(min(3, count))
        settings.connectTimeout = .milliseconds(min(10_000, max(1, most)))
        return AddressClient(address, settings)
    }

    private func connectionFailed(_ client: AddressClient, tried: Int) -> Bool {
        state.withLock { $0.book.connectionFailed(to: client.address, tried: tried, now: .now()) }
    }

    private func lookUp() {
        let number = state.withLock { state -> Int? in
            state.lookup += 1
            return state.abandoned < Self.mostAbandoned ? state.lookup : nil
        }
        guard let number else {
            return lookupEnded(.failure(.init(reason: "the name servers do not answer")), number: nil)
        }
        resolver.resolve(url.host) { self.lookupEnded($0, number: number) }
        _ = settings.loops[0].scheduleTask(in: Self.lookupTime) { [weak self] in self?.lookupIsOverdue(number) }
    }

    /// - Parameter number: nil for a lookup that was not even started.
    private func lookupEnded(_ result: Result<[IPAddress], NameResolver.Failure>, number: Int?) {
        let (waiters, resolution, old) = state.withLock { state in
            if let number, number != state.lookup || !state.book.isResolving {
                state.abandoned -= 1
                return ([Waiter](), Resolution.success(()), AddressClient?.none)
            }
            return state.resolve(result, forbids: settings.forbids)
        }
        old?.retire()
        for waiter in waiters { waiter.succeed(resolution) }
    }

    private func lookupIsOverdue(_ number: Int) {
        let (waiters, resolution, old) = state.withLock { state in
            guard number == state.lookup, state.book.isResolving else {
                return ([Waiter](), Resolution.success(()), AddressClient?.none)
            }
            state.abandoned += 1
            let seconds = Self.lookupTime.nanoseconds / 1_000_000_000
            return state.resolve(.failure(.init(reason: "no answer within \(seconds) s")), forbids: settings.forbids)
        }
        old?.retire()
        for waiter in waiters { waiter.succeed(resolution) }
    }
}

extension Endpoint.State {
    /// What an attempt does: the client for it, or what else; and a client that is not used any more.
    fileprivate mutating func lease(
        fresh: Bool, now: NIODeadline, make: (IPAddress, Int) -> AddressClient?
    ) -> (choice: AddressBook.Choice, leased: AddressClient.Lease?, old: AddressClient?) {
        let choice = book.choose(now: now)
        guard case .use(let address, _) = choice else { return (choice, nil, nil) }
        var old: AddressClient?
        if client?.address != address {
            old = client
            client = make(address, book.addresses.count)
        }
        return (choice, client?.lease(fresh: fresh), old)
    }

    /// Takes what a lookup found, and says what to tell those who wait for it.
    fileprivate mutating func resolve(
        _ result: Result<[IPAddress], NameResolver.Failure>, forbids: (IPAddress) -> Bool
    ) -> ([AttemptWatch.Waiter<Endpoint.Resolution>], Endpoint.Resolution, old: AddressClient?) {
        defer { waiters = [] }
        switch result {
        case .success(let found):
            let allowed = found.filter { !forbids($0) }
            if allowed.isEmpty {
                book.forbidden(now: .now())
                return (waiters, .failure(.forbidden(found)), client.take())
            }
            book.resolved(allowed, now: .now())
            return (waiters, .success(()), nil)
        case .failure(let failure):
            book.lookupFailed(now: .now())
            return (waiters, book.addresses.isEmpty ? .failure(.unresolved(reason: failure.reason)) : .success(()), nil)
        }
    }
}
