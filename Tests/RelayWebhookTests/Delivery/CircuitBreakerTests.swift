import RelayCore
import Testing

@testable import RelayWebhook

/// The breaker tells a dead endpoint from broken events.
@Suite("Circuit breaker")
struct CircuitBreakerTests {
    private func key(_ number: Int) -> EventKey {
        withUnsafeBytes(of: number) { EventKey(of: $0) }
    }

    private func fail(
        _ breaker: inout CircuitBreaker, _ number: Int, unreachable: Bool = false, fresh: Bool = true,
        probe: Bool = false, at now: Int64 = 0
    ) -> CircuitBreaker.Change {
        breaker.failed(
            key(number), isUnreachable: unreachable, isFresh: fresh, isProbe: probe, reason: "500", at: now)
    }

    @Test("one key that fails for ever does not open it")
    func oneKey() {
        var breaker = CircuitBreaker()
        for _ in 0..<40 { #expect(fail(&breaker, 1) == .none) }
        #expect(breaker.isClosed)
    }

    @Test("ten keys in a row open it, and a delivery in between begins the count anew")
    func tenKeys() {
        var breaker = CircuitBreaker()
        for number in 0..<9 { #expect(fail(&breaker, number) == .none) }
        #expect(breaker.delivered() == .none)
        for number in 0..<9 { #expect(fail(&breaker, number) == .none) }
        #expect(fail(&breaker, 9) == .opened)
        #expect(breaker.state == .open)
        #expect(breaker.reason == "500")
    }

    @Test("the retries of parked keys do not open it")
    func parkedKeys() {
        var breaker = CircuitBreaker()
        for number in 0..<500 { #expect(fail(&breaker, number, fresh: false) == .none) }
    }

    @Test("five failures to reach the endpoint open it, whatever the key")
    func unreachable() {
        var breaker = CircuitBreaker()
        for _ in 0..<4 { #expect(fail(&breaker, 1, unreachable: true, fresh: false) == .none) }
        #expect(fail(&breaker, 1, unreachable: true, fresh: false) == .opened)
    }

    @Test("nine tenths of failures open it although some are delivered; half of them do not")
    func ratio() {
        var half = CircuitBreaker()
        for number in 0..<500 {
            if number % 2 == 0 { _ = half.delivered() } else { #expect(fail(&half, number) == .none) }
        }
        var most = CircuitBreaker()
        var opened = false
        for number in 0..<60 where !opened {
            // Eight fail, one is delivered, so that there are never ten keys in a row; then two the other way.
            if number % 12 == 11 { _ = most.delivered() } else { opened = fail(&most, number % 8) == .opened }
        }
        #expect(opened)
    }

    @Test("probes come after a second, then twice as long each time, up to five seconds; one delivery closes it")
    func probes() {
        var breaker = CircuitBreaker()
        for number in 0..<10 { _ = fail(&breaker, number) }
        var now: Int64 = 0
        var waits: [Int64] = []
        for _ in 0..<8 {
            var next = now
            while breaker.permission(at: next) == .none { next += 100 }
            #expect(breaker.permission(at: next) == .probe)
            waits.append(next - now)
            now = next
            breaker.beginProbe()
            #expect(breaker.permission(at: now + 100_000) == .none)
            #expect(fail(&breaker, 1, probe: true, at: now) == .none)
        }
        #expect(waits == [1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000])
        // Results of attempts that began before it opened change nothing but for a delivery.
        #expect(fail(&breaker, 5, at: now) == .none)
        #expect(breaker.delivered() == .closed)
        #expect(breaker.permission(at: now) == .any)
    }

    @Test("twenty keys refused in a row open it as refusing; the same key again counts once")
    func refusing() {
        var breaker = CircuitBreaker()
        for _ in 0..<3 {
            for number in 0..<19 {
                #expect(breaker.refused(key(number), isProbe: false, reason: "400", at: 0) == .none)
            }
        }
        #expect(breaker.refused(key(19), isProbe: false, reason: "400", at: 0) == .opened)
        #expect(breaker.state == .refusing)
        breaker.beginProbe()
        #expect(breaker.refused(key(1), isProbe: true, reason: "400", at: 1000) == .none)
        #expect(breaker.state == .refusing)
        breaker.beginProbe()
        #expect(breaker.delivered() == .closed)
    }

    @Test("whoever refuses a probe is there again")
    func refusedProbe() {
        var breaker = CircuitBreaker()
        for number in 0..<10 { _ = fail(&breaker, number) }
        breaker.beginProbe()
        #expect(breaker.refused(key(1), isProbe: true, reason: "422", at: 1000) == .closed)
    }

    @Test("a probe that was broken off leaves it open")
    func cancelled() {
        var breaker = CircuitBreaker()
        for number in 0..<10 { _ = fail(&breaker, number) }
        breaker.beginProbe()
        breaker.probeCancelled()
        #expect(breaker.state == .open)
    }
}

/// Waits and rates.
@Suite("Retry policy and token bucket")
struct RetryPolicyTests {
    @Test("the bound doubles from the first wait to the longest, and the wait is anywhere below it")
    func bounds() {
        let policy = RetryPolicy(first: 1000, most: 3_600_000, limit: 86_400_000)
        #expect((1...14).map { policy.bound(after: $0) }.prefix(5) == [1000, 2000, 4000, 8000, 16_000])
        #expect(policy.bound(after: 13) == 3_600_000)
        #expect(policy.bound(after: .max) == 3_600_000)
        var generator = SystemRandomNumberGenerator()
        let waits = (0..<2000).map { _ in policy.wait(after: 4, using: &generator) }
        #expect(waits.allSatisfy { (0...8000).contains($0) })
        // Full jitter: the lower half is as likely as the upper.
        #expect((800...1200).contains(waits.count { $0 < 4000 }))
        #expect(!policy.isExhausted(after: 86_399_999))
        #expect(policy.isExhausted(after: 86_400_000))
    }

    @Test("a bucket gives its rate and a tenth of a second's worth at once")
    func bucket() {
        var bucket = TokenBucket(rate: 100, now: 0)
        var taken = 0
        while bucket.take(at: 0) { taken += 1 }
        #expect(taken == 10)
        for now in 1...10_000 where bucket.take(at: Int64(now)) { taken += 1 }
        #expect((1005...1011).contains(taken))
        // After a long rest no more than that comes at once.
        taken = 0
        while bucket.take(at: 1_000_000) { taken += 1 }
        #expect(taken == 10)
    }
}
