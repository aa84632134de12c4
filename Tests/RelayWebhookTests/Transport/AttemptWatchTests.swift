import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import RelayWebhook

@Suite("The clock of everything under way")
struct AttemptWatchTests {
    private final class Probe: AttemptWatch.Entry {
        let ended = Mutex<[AttemptWatch.Reason]>([])
        func end(_ reason: AttemptWatch.Reason) { ended.withLock { $0.append(reason) } }
        var reasons: [AttemptWatch.Reason] { ended.withLock { $0 } }
    }

    private func watch(timeout: Duration = .milliseconds(200), mostDraining: Int = 2) -> AttemptWatch {
        AttemptWatch(
            loop: MultiThreadedEventLoopGroup.singleton.next(), timeout: timeout, mostDraining: mostDraining)
    }

    @Test("what is overdue is ended once, and what was removed is not")
    func overdue() async throws {
        let watch = watch()
        let (late, gone, early) = (Probe(), Probe(), Probe())
        let ticket = try #require(watch.add(gone, until: .now() + .milliseconds(30), in: watch.round))
        _ = watch.add(late, until: .now() + .seconds(600), in: watch.round)
        _ = watch.add(early, until: .now() + .milliseconds(30), in: watch.round)
        watch.remove(ticket)
        while early.reasons.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        try await Task.sleep(for: .milliseconds(50))
        #expect(early.reasons == [.overdue] && gone.reasons.isEmpty && late.reasons.isEmpty)
        #expect(watch.counts.all == 1)
    }

    @Test("ending all ends what is under way and what belongs to it, not what begins afterwards")
    func rounds() throws {
        let watch = watch()
        let (before, after) = (Probe(), Probe())
        let round = watch.round
        _ = watch.add(before, until: .distantFuture, in: round)
        watch.endAll()
        #expect(before.reasons == [.cancelled])
        #expect(watch.add(after, until: .distantFuture, in: round) == nil)
        _ = try #require(watch.add(after, until: .distantFuture, in: watch.round))
        #expect(after.reasons.isEmpty && watch.counts.all == 1)
        watch.endAll(closing: true)
        #expect(after.reasons == [.cancelled] && watch.add(after, until: .distantFuture, in: watch.round) == nil)
        #expect(watch.counts.all == 0)
    }

    @Test("a ticket of what has left does nothing to what took its place")
    func oldTickets() throws {
        let watch = watch()
        let (first, second) = (Probe(), Probe())
        let old = try #require(watch.add(first, until: .distantFuture, in: watch.round))
        watch.remove(old)
        _ = try #require(watch.add(second, until: .distantFuture, in: watch.round))
        watch.remove(old)
        watch.hasten(old, to: .now())
        #expect(!watch.drain(old, until: .now()) && watch.counts.all == 1)
    }

    @Test("only so many may linger to read a rest")
    func draining() throws {
        let watch = watch(mostDraining: 2)
        let tickets = try (0..<3).map { _ in
            try #require(watch.add(Probe(), until: .distantFuture, in: watch.round))
        }
        #expect(watch.drain(tickets[0], until: .distantFuture))
        #expect(watch.drain(tickets[1], until: .distantFuture))
        #expect(!watch.drain(tickets[2], until: .distantFuture))
        watch.remove(tickets[0])
        #expect(watch.drain(tickets[2], until: .distantFuture))
        #expect(watch.counts == (2, 2))
        watch.endAll()
        #expect(watch.counts == (0, 0))
    }

    @Test("a value reaches who waits for it, before and after it came; without one the wait ends in time")
    func waiting() async {
        let watch = watch()
        let now: Result<Int, AttemptWatch.Interruption> = await watch.wait(until: .distantFuture, in: watch.round) {
            $0.succeed(7)
        }
        #expect(try! now.get() == 7)
        let later: Result<Int, AttemptWatch.Interruption> = await watch.wait(until: .distantFuture, in: watch.round) {
            waiter in
            Task {
                waiter.succeed(8)
                waiter.succeed(9)
            }
        }
        #expect(try! later.get() == 8)
        let never: Result<Int, AttemptWatch.Interruption> = await watch.wait(
            until: .now() + .milliseconds(20), in: watch.round
        ) { _ in }
        #expect(throws: AttemptWatch.Interruption.self) { try never.get() }
        #expect(watch.counts.all == 0)
    }
}
