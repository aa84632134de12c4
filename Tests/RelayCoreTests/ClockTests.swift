import Testing

@testable import RelayCore

/// Waits, leases and progress, each a pure function of the time.
@Suite("Clocks")
struct ClockTests {
    @Test("a backoff doubles up to its limit, waits at least half of it, and begins anew after a success")
    func backoff() {
        for _ in 0..<200 {
            var backoff = Backoff(first: .milliseconds(100), most: .seconds(2))
            for bound in [100, 200, 400, 800, 1600, 2000, 2000, 2000] {
                let wait = backoff.next()
                #expect(wait >= .milliseconds(bound) / 2)
                #expect(wait <= .milliseconds(bound))
            }
            backoff.reset()
            #expect(backoff.next() <= .milliseconds(100))
        }
    }

    @Test("the waits of a backoff differ")
    func jitter() {
        let waits = Set(
            (0..<50).map { _ in
                var backoff = Backoff(first: .seconds(1), most: .seconds(1))
                return backoff.next()
            })
        #expect(waits.count > 40)
    }

    @Test("a lease never ends later than its time after the last request that was granted")
    func leaseClock() {
        let seed = freshSeed("lease clock")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let start = ContinuousClock.now
            let ttl = Duration.milliseconds(Int.random(in: 1...10_000, using: &random))
            var clock = LeaseClock(ttl: ttl, sentAt: start)
            var latest = start
            for _ in 0..<20 {
                // Answers may be noted out of order.
                let sentAt = start + .milliseconds(Int.random(in: 0...20_000, using: &random))
                clock.renewed(sentAt: sentAt)
                latest = max(latest, sentAt)
                #expect(clock.expiresAt == latest + ttl, "seed \(seed)")
                #expect(clock.hasExpired(at: latest + ttl))
                #expect(!clock.hasExpired(at: latest + ttl - .nanoseconds(1)))
            }
            #expect(clock.renewalInterval * 3 <= ttl)
        }
    }

    @Test("a loop is stuck after three times its longest wait, and not before")
    func loopProgress() {
        let progress = LoopProgress()
        let before = ContinuousClock.now
        progress.beat("slow", longestWait: .seconds(10))
        progress.beat("b", longestWait: .seconds(1))
        progress.beat("a", longestWait: .seconds(1))
        let after = ContinuousClock.now
        #expect(progress.stuck(at: before + .seconds(3)).isEmpty)
        let stuck = progress.stuck(at: after + .milliseconds(3001))
        #expect(stuck.map(\.name) == ["a", "b"])
        #expect(stuck.allSatisfy { $0.seconds > 3 && $0.seconds < 60 })
        #expect(progress.stuck(at: after + .seconds(31)).map(\.name) == ["a", "b", "slow"])
        // A beat is progress, and the wait that it names is the one that counts.
        progress.beat("a", longestWait: .seconds(100))
        progress.end("b")
        progress.end("never began")
        #expect(progress.stuck(at: .now + .seconds(31)).map(\.name) == ["slow"])
        #expect(LoopProgress().stuck(at: .now + .seconds(1000)).isEmpty)
    }
}
