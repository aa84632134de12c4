import NIOCore

/// The token in use: when it is renewed, and when it is given up. No I/O.
struct TokenCache: Sendable {
    /// What an attempt does.
    enum Choice: Equatable {
        /// Uses this token. `renews`: and has to start a request for the next one beside it.
        case use(TokenSource.Token, renews: Bool)
        /// Waits for a token. `starts`: which it has to request.
        case wait(starts: Bool)
    }

    /// How long a token lives whose answer does not say.
    static let usualLifetime = Duration.seconds(3600)
    /// How soon a token that was never accepted is given up for being rejected: a receiver that rejects every token is
    /// no reason to fetch one for each attempt.
    static let shortest = TimeAmount.seconds(10)

    private struct Kept {
        var token: TokenSource.Token
        var since: NIODeadline
        var renewal: NIODeadline
        var expiry: NIODeadline
        var wasAccepted = false
    }

    private var kept: Kept?
    private(set) var isFetching = false
    private var count = 0

    /// What an attempt does now.
    mutating func choose(now: NIODeadline) -> Choice {
        guard let kept, now < kept.expiry else {
            defer { isFetching = true }
            return .wait(starts: !isFetching)
        }
        let renews = kept.renewal <= now && !isFetching
        if renews { isFetching = true }
        return .use(kept.token, renews: renews)
    }

    /// A token has come. It is renewed at 80 % of its life or 30 s before its end, whichever is earlier, but not before
    /// half of its life.
    /// - Parameter asked: when it was requested, from when its lifetime counts.
    @discardableResult
    mutating func fetched(_ value: String, lifetime: Duration?, asked: NIODeadline) -> TokenSource.Token {
        isFetching = false
        count += 1
        let life = (lifetime ?? Self.usualLifetime).milliseconds
        let renewal = max(life / 2, min(life * 4 / 5, life - 30_000))
        let token = TokenSource.Token(value: value, number: count)
        kept = Kept(
            token: token, since: asked, renewal: asked + .milliseconds(renewal), expiry: asked + .milliseconds(life))
        return token
    }

    /// No token has come; what there is stays in use until it expires, and is renewed a little later.
    mutating func fetchFailed(now: NIODeadline) {
        isFetching = false
        kept?.renewal = now + .seconds(5)
    }

    /// The receiver answered other than with 401.
    mutating func accepted(_ token: TokenSource.Token) {
        if kept?.token.number == token.number { kept?.wasAccepted = true }
    }

    /// The receiver answered with 401.
    /// - Returns: whether another token is, or can be, had.
    mutating func rejected(_ token: TokenSource.Token, now: NIODeadline) -> Bool {
        guard let kept, kept.token.number == token.number else { return true }
        guard kept.wasAccepted || kept.since + Self.shortest <= now else { return false }
        self.kept = nil
        return true
    }
}
