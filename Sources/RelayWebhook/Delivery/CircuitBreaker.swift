import RelayCore

/// Tells an endpoint that has failed as a whole from events that fail by themselves. A pure state machine: it is told
/// the results of attempts and asked whether another may begin. Times are milliseconds of a clock that never goes back.
///
/// It opens when, without a delivery in between, ten keys failed, or the endpoint could not be reached five times; when
/// nine tenths of the last fifty events failed; and, as `refusing`, when twenty keys in a row were refused for good,
/// which is what a bad deployment looks like. A single key cannot open it. While it is open, one probe at a time finds
/// out whether the endpoint is back: after a second, then after twice as long each time, up to five seconds.
struct CircuitBreaker: Sendable {
    /// What may begin now.
    enum Permission: Sendable, Equatable {
        case any
        /// One attempt; it must be announced by ``beginProbe()``.
        case probe
        case none
    }

    /// What a result changed.
    enum Change: Sendable, Equatable {
        case none
        case opened
        case closed
    }

    static let failedKeys = 10
    static let unreachableTimes = 5
    static let refusedKeys = 20
    static let window = 50
    static let windowFailures = 45
    static let firstProbe: Int64 = 1000
    static let longestProbe: Int64 = 5000

    private(set) var state = BreakerState.closed
    /// Why it is open, for people.
    private(set) var reason: String?
    private var openState = BreakerState.open
    private var failing: Set<EventKey> = []
    private var refused: Set<EventKey> = []
    private var unreachable = 0
    /// The last results of events that had not failed before, the newest in the lowest bit: 1 is a failure.
    private var results: UInt64 = 0
    private var resultCount = 0
    private var nextProbe: Int64 = 0
    private var probeWait = firstProbe

    var isClosed: Bool { state == .closed }

    /// What may begin at `now`.
    func permission(at now: Int64) -> Permission {
        switch state {
        case .closed: .any
        case .halfOpen: .none
        case .open, .refusing: now >= nextProbe ? .probe : .none
        }
    }

    /// Says that a probe begins.
    mutating func beginProbe() { state = .halfOpen }

    /// An event was delivered.
    mutating func delivered() -> Change {
        let wasClosed = isClosed
        if wasClosed { forget() } else { close() }
        push(failure: false)
        return wasClosed ? .none : .closed
    }

    /// The receiver answered that all should wait: it works.
    mutating func answered(at now: Int64) -> Change {
        guard state == .halfOpen else { return .none }
        guard openState == .open else {
            // It works, but whether it still refuses everything is not known.
            state = openState
            nextProbe = now + probeWait
            return .none
        }
        close()
        return .closed
    }

    /// An attempt failed in a way that may pass.
    /// - Parameters:
    ///   - isUnreachable: the endpoint could not even be reached.
    ///   - isFresh: the event's first attempt: the retries of a few broken keys say nothing of the endpoint.
    mutating func failed(
        _ key: EventKey, isUnreachable: Bool, isFresh: Bool, isProbe: Bool, reason: String, at now: Int64
    ) -> Change {
        guard isClosed else {
            if isProbe { probeFailed(.open, reason: reason, at: now) }
            return .none
        }
        if isUnreachable { unreachable += 1 }
        if isFresh {
            failing.insert(key)
            push(failure: true)
        }
        let mostFail = resultCount >= Self.window && failures >= Self.windowFailures
        guard unreachable >= Self.unreachableTimes || failing.count >= Self.failedKeys || mostFail else {
            return .none
        }
        open(.open, reason: reason, at: now)
        return .opened
    }

    /// The receiver refused an event for good.
    mutating func refused(_ key: EventKey, isProbe: Bool, reason: String, at now: Int64) -> Change {
        guard isClosed else {
            guard isProbe else { return .none }
            guard openState == .refusing else {
                // Whoever refuses is there again.
                close()
                refused.insert(key)
                return .closed
            }
            probeFailed(.refusing, reason: reason, at: now)
            return .none
        }
        refused.insert(key)
        guard refused.count >= Self.refusedKeys else { return .none }
        open(.refusing, reason: reason, at: now)
        return .opened
    }

    /// A probe was broken off: nothing is known of it.
    mutating func probeCancelled() {
        if state == .halfOpen { state = openState }
    }

    /// As it goes on in another pass, which holds no event that could be a probe yet.
    var resumed: CircuitBreaker {
        var breaker = self
        breaker.probeCancelled()
        return breaker
    }

    private var failures: Int { (results & ((1 << Self.window) - 1)).nonzeroBitCount }

    private mutating func push(failure: Bool) {
        results = results << 1 | (failure ? 1 : 0)
        resultCount = min(resultCount + 1, Self.window)
    }

    private mutating func open(_ state: BreakerState, reason: String, at now: Int64) {
        self.state = state
        openState = state
        self.reason = reason
        probeWait = Self.firstProbe
        nextProbe = now + probeWait
    }

    private mutating func probeFailed(_ state: BreakerState, reason: String, at now: Int64) {
        self.state = state
        openState = state
        self.reason = reason
        probeWait = min(probeWait * 2, Self.longestProbe)
        nextProbe = now + probeWait
    }

    private mutating func close() {
        state = .closed
        reason = nil
        forget()
        resultCount = 0
        results = 0
    }

    /// Something was delivered: what was counted in a row begins anew.
    private mutating func forget() {
        if !failing.isEmpty { failing = [] }
        if !refused.isEmpty { refused = [] }
        unreachable = 0
    }
}
