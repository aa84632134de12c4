import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import RelayCore

/// Posts messages to a webhook's endpoint and says what became of each.
///
/// Nothing connects before the first message. What a receiver sends is never trusted: answers are bounded in size and
/// time, redirects are not followed, nothing is decompressed, and no environment variable names a proxy.
package final class WebhookTransport: Sendable {
    let options: WebhookOptions
    let endpoint: Endpoint
    let tokens: TokenSource?
    let watch: AttemptWatch
    let loop: any EventLoop
    private let answers: AnswerClassifier
    private let failures: FailureClassifier
    private let timeout: TimeAmount
    private let logger: Logger

    /// A transport for one destination.
    /// - Throws: ``RelayError`` of code `configuration` for a URL or a PEM text that is none.
    package convenience init(_ options: WebhookOptions, logger: Logger) throws {
        try self.init(options, logger: logger, resolver: NameResolver())
    }

    /// As above, with another way to look names up.
    init(
        _ options: WebhookOptions, logger: Logger, resolver: NameResolver,
        forbids: @escaping @Sendable (IPAddress) -> Bool = AddressPolicy.forbids
    ) throws {
        self.options = options
        var logger = logger
        logger[metadataKey: "destination"] = "\(options.destination)"
        self.logger = logger
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let watch = AttemptWatch(
            loop: loop, timeout: options.timeout, mostDraining: max(4, min(64, options.concurrency)))
        let tls = try TLSSettings.configuration(options)
        func endpoint(_ url: EndpointURL, concurrency: Int) throws -> Endpoint {
            let other = MultiThreadedEventLoopGroup.singleton.next()
            let needsOther = concurrency > AddressClient.mostOnOneLoop && other !== loop
            return try Endpoint(
                url, tls: tls, timeout: options.timeout, concurrency: concurrency,
                loops: needsOther ? [loop, other] : [loop], watch: watch, resolver: resolver, forbids: forbids)
        }
        let url = try EndpointURL(options.url, variable: "DESTINATION_URL")
        self.endpoint = try endpoint(url, concurrency: options.concurrency)
        tokens = try options.oauth.map { oauth in
            let url = try EndpointURL(oauth.tokenURL, variable: "DESTINATION_OAUTH_TOKEN_URL")
            return TokenSource(
                oauth, userAgent: "outbox-relay/\(options.version)", endpoint: try endpoint(url, concurrency: 2),
                watch: watch, timeout: options.timeout)
        }
        (self.loop, self.watch) = (loop, watch)
        timeout = .milliseconds(options.timeout.milliseconds)
        answers = AnswerClassifier(retryMax: options.retryMax)
        failures = FailureClassifier(authority: url.authority, host: url.host, timeout: options.timeout)
    }

    /// Makes one attempt; it ends within `options.timeout` and a twentieth of it, whatever the receiver does.
    package func post(_ message: WebhookMessage) async -> AttemptResult {
        let deadline = NIODeadline.now() + timeout
        let round = watch.round
        guard let tokens else {
            var headers = message.headers
            if let basic = endpoint.url.basicAuthorization, !headers.contains(name: "authorization") {
                headers.add(name: "authorization", value: basic)
            }
            return result(await endpoint.post(message.body, headers, reading: .verdict, until: deadline, in: round))
        }
        return await post(message, with: tokens, until: deadline, in: round)
    }

    /// Breaks off every attempt under way; each returns ``AttemptResult/Verdict/cancelled``.
    package func cancelAll() { watch.endAll() }

    /// Breaks everything off and closes all connections. What is posted afterwards is cancelled.
    package func shutdown() async {
        watch.endAll(closing: true)
        await endpoint.shutdown()
        await tokens?.shutdown()
    }

    private func post(
        _ message: WebhookMessage, with tokens: TokenSource, until deadline: NIODeadline, in round: Int
    ) async -> AttemptResult {
        var isRepeated = false
        while true {
            let token: TokenSource.Token
            switch await tokens.token(until: deadline, in: round) {
            case .success(let found): token = found
            case .failure(let failure): return failure.result
            }
            var headers = message.headers
            headers.replaceOrAdd(name: "authorization", value: "Bearer \(token.value)")
            let ending = await endpoint.post(message.body, headers, reading: .verdict, until: deadline, in: round)
            if case .answered(let answer) = ending {
                if answer.status != 401 {
                    tokens.accepted(token)
                } else if tokens.rejected(token), !isRepeated {
                    isRepeated = true
                    continue
                }
            }
            return result(ending)
        }
    }

    private func result(_ ending: HTTPExchange.Ending) -> AttemptResult {
        switch ending {
        case .answered(let answer):
            if (200...299).contains(answer.status) {
                return AttemptResult(.delivered, .delivered, status: answer.status)
            }
            return answers.result(
                status: answer.status, headers: answer.headers, body: answer.body, now: Moment.now.unix / 1000)
        case .failed(let failure): return failures.result(failure)
        case .ended(let reason, let wasBegun): return failures.result(reason, wasBegun: wasBegun)
        }
    }
}
