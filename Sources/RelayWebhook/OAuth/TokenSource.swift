import NIOCore
import NIOHTTP1
import Synchronization

/// OAuth 2.0 tokens by client credentials: one for all attempts, fetched once however many wait for it.
final class TokenSource: Sendable {
    /// A token.
    struct Token: Sendable, Equatable {
        /// A secret.
        let value: String
        /// Counts the tokens that were fetched.
        let number: Int
    }

    /// No token: what becomes of the attempt.
    struct Failure: Error {
        let result: AttemptResult
    }

    /// The longest answer of a token endpoint that is read.
    static let mostBytes = 64 << 10

    typealias Fetched = Result<Token, Failure>

    private struct State {
        var cache = TokenCache()
        var waiters: [AttemptWatch.Waiter<Fetched?>] = []
    }

    let endpoint: Endpoint
    private let body: ByteBuffer
    private let headers: HTTPHeaders
    private let watch: AttemptWatch
    private let timeout: Duration
    private let failures: FailureClassifier
    private let state = Mutex(State())

    init(
        _ oauth: WebhookOptions.OAuth, userAgent: String, endpoint: Endpoint, watch: AttemptWatch, timeout: Duration
    ) {
        self.endpoint = endpoint
        self.watch = watch
        self.timeout = timeout
        (body, headers) = TokenRequest.make(oauth, userAgent: userAgent)
        failures = FailureClassifier(authority: endpoint.url.authority, host: endpoint.url.host, timeout: timeout)
    }

    /// The token in use, or the one that is being fetched.
    func token(until deadline: NIODeadline, in round: Int) async -> Fetched {
        while true {
            switch state.withLock({ $0.cache.choose(now: .now()) }) {
            case .use(let token, let renews):
                if renews { fetch() }
                return .success(token)
            case .wait(let starts):
                var isToStart = starts
                let answer: Result<Fetched?, AttemptWatch.Interruption> = await watch.wait(
                    until: deadline, in: round
                ) { waiter in
                    subscribe(waiter)
                    if isToStart { fetch() }
                    isToStart = false
                }
                // Cancelled before it waited: others rely on it all the same.
                if isToStart { fetch() }
                switch answer {
                case .success(let fetched?): return fetched
                case .success(nil): continue
                case .failure(let interruption): return .failure(failure(interruption.reason))
                }
            }
        }
    }

    /// The receiver took a token.
    func accepted(_ token: Token) { state.withLock { $0.cache.accepted(token) } }

    /// The receiver answered a token with 401.
    /// - Returns: whether the attempt may be repeated with another token.
    func rejected(_ token: Token) -> Bool { state.withLock { $0.cache.rejected(token, now: .now()) } }

    /// Closes all connections.
    func shutdown() async { await endpoint.shutdown() }
}

extension TokenSource {
    private func subscribe(_ waiter: AttemptWatch.Waiter<Fetched?>) {
        let isTooLate = state.withLock { state in
            // It may have come since.
            guard state.cache.isFetching else { return true }
            state.waiters.append(waiter)
            return false
        }
        if isTooLate { waiter.succeed(nil) }
    }

    /// Fetches a token for everybody who waits, in a task of its own: it is not one attempt's.
    private func fetch() {
        let round = watch.round
        Task {
            let asked = NIODeadline.now()
            let ending = await endpoint.post(
                body, headers, reading: .whole(upTo: Self.mostBytes),
                until: asked + .milliseconds(timeout.milliseconds),
                in: round)
            let outcome = read(ending)
            let (waiters, fetched) = state.withLock { state -> ([AttemptWatch.Waiter<Fetched?>], Fetched?) in
                defer { state.waiters = [] }
                switch outcome {
                case .token(let value, let lifetime):
                    let token = state.cache.fetched(value, lifetime: lifetime, asked: asked)
                    return (state.waiters, .success(token))
                case .failure(let result):
                    state.cache.fetchFailed(now: .now())
                    // Who waits was cancelled too, or began afterwards, and then asks again.
                    return (state.waiters, result.verdict == .cancelled ? nil : .failure(Failure(result: result)))
                }
            }
            for waiter in waiters { waiter.succeed(fetched) }
        }
    }

    private enum Outcome {
        case token(String, lifetime: Duration?)
        case failure(AttemptResult)
    }

    private func read(_ ending: HTTPExchange.Ending) -> Outcome {
        switch ending {
        case .answered(let answer):
            switch TokenAnswer.read(status: answer.status, body: answer.body) {
            case .token(let value, let lifetime): return .token(value, lifetime: lifetime)
            case .problem(let reason): return .failure(Self.failed("\(endpoint.url.authority) \(reason)"))
            }
        case .failed(let failure): return .failure(Self.failed(failures.result(failure).message))
        case .ended(let reason, let wasBegun):
            let result = failures.result(reason, wasBegun: wasBegun)
            return .failure(result.verdict == .cancelled ? result : Self.failed(result.message))
        }
    }

    private func failure(_ reason: AttemptWatch.Reason) -> Failure {
        let result = failures.result(reason, wasBegun: true)
        if result.verdict == .cancelled { return Failure(result: result) }
        return Failure(result: Self.failed("\(endpoint.url.authority): \(result.message)"))
    }

    private static func failed(_ reason: String) -> AttemptResult {
        AttemptResult(.retry, .oauth, message: "no OAuth token was to be had: \(reason)", isEndpointFailure: true)
    }
}
