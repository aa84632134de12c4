import RelayCore
import Testing

@testable import RelayMongoDB

@Suite("What may be cleaned up")
struct CleanupDecisionTests {
    private let now = ClusterTime(seconds: 1000, increment: 1)

    private func pipeline(
        _ name: String, _ settled: UInt32?, paused: String? = nil, silence: Duration = .zero
    ) -> RegisteredPipeline {
        RegisteredPipeline(
            name: "shop/\(name)", source: "shop.outbox",
            settled: settled.map { ClusterTime(seconds: $0, increment: 5) }, paused: paused, silence: silence)
    }

    @Test func theSlowestDecidesAndItsOwnTimeIsNotSettled() {
        let decision = CleanupDecision([pipeline("a", 999), pipeline("b", 990)], now: now)
        #expect(decision.upTo == ClusterTime(seconds: 990, increment: 4))
        #expect(decision.blockers.isEmpty)
    }

    @Test func nobodyRegisteredMeansNothing() {
        let decision = CleanupDecision([], now: now)
        #expect(decision.upTo == nil && decision.blockers.isEmpty)
    }

    @Test func whoHasSettledNothingBlocksEverything() {
        let decision = CleanupDecision([pipeline("a", 999), pipeline("new", nil)], now: now)
        #expect(decision.upTo == nil)
        #expect(decision.blockers.map(\.pipeline) == ["shop/new"])
    }

    @Test func aPauseIsNamedAtOnceAndHoldsUpOnlyWhatCameAfterIt() {
        let decision = CleanupDecision([pipeline("a", 999), pipeline("b", 990, paused: "holiday")], now: now)
        #expect(decision.upTo == ClusterTime(seconds: 990, increment: 4))
        #expect(decision.blockers.map(\.reason) == ["shop/b is paused (holiday): run `outbox-relay resume`"])
    }

    @Test func whoIsBehindAndWhoIsGoneAreToldApart() {
        let decision = CleanupDecision(
            [pipeline("a", 999), pipeline("gone", 100, silence: .seconds(120)), pipeline("slow", 900)], now: now)
        #expect(decision.blockers.map(\.pipeline) == ["shop/gone", "shop/slow"])
        #expect(decision.blockers[0].reason.contains("forget gone"))
        #expect(decision.blockers[1].reason == "shop/slow is 100 s behind")
        // Gone a moment ago, and level: a restart.
        #expect(CleanupDecision([pipeline("a", 990, silence: .seconds(90))], now: now).blockers.isEmpty)
    }

    @Test func laggardsAreThoseAtTheOldestTime() {
        let found = CleanupDecision.laggards([pipeline("a", 999), pipeline("c", 500), pipeline("b", 500)], now: now)
        #expect(found.map(\.pipeline) == ["shop/b", "shop/c"])
    }

    @Test func theTimeBefore() {
        #expect(ClusterTime(seconds: 7, increment: 0).previous == ClusterTime(seconds: 6, increment: .max))
        #expect(ClusterTime(seconds: 7, increment: 1).previous == ClusterTime(seconds: 7, increment: 0))
        #expect(ClusterTime(seconds: 7, increment: 0).previous.next == ClusterTime(seconds: 7, increment: 0))
    }

    @Test func aBacklogIsNotSettledBeforeItsEnd() {
        var checkpoint = Checkpoint()
        checkpoint.clusterTime = now
        checkpoint.backlog = BacklogPosition(snapshot: now)
        var state = StoredState(stream: 0, position: 1, revision: 1, checkpoint: checkpoint, paused: "why")
        #expect(PipelineRegistry.Report(state).settled == nil)
        state.checkpoint?.backlog = nil
        #expect(PipelineRegistry.Report(state).settled == now)
        #expect(PipelineRegistry.Report(state).paused == "why")
    }

    @Test func whatWasCleanedIsRememberedUntilNoSnapshotShowsIt() {
        var recent = RecentlyCleaned()
        recent.insert([1, 2], at: BSONTimestamp(seconds: 10, increment: 0))
        recent.insert([3], at: BSONTimestamp(seconds: 20, increment: 0))
        recent.forget(before: BSONTimestamp(seconds: 9, increment: 0))
        #expect(recent.contains(1) && recent.contains(3))
        recent.forget(before: BSONTimestamp(seconds: 10, increment: 0))
        #expect(!recent.contains(1) && !recent.contains(2) && recent.contains(3))
        recent.insert(Array(100..<100 + RecentlyCleaned.most), at: BSONTimestamp(seconds: 30, increment: 0))
        #expect(!recent.contains(100), "its memory is bounded")
    }

    @Test func theCleanerRestsInProportionToWhatLookingCosts() {
        var rest = Rest()
        #expect(rest.next(afterCleaning: 5, in: .seconds(9)) == .milliseconds(20))
        var waits: [Duration] = []
        for _ in 0..<12 { waits.append(rest.next(afterCleaning: 0, in: .milliseconds(1))) }
        #expect(waits.first == .milliseconds(40) && waits.last == .seconds(5))
        #expect(rest.next(afterCleaning: 0, in: .seconds(2)) == .seconds(20))
        #expect(rest.next(afterCleaning: 0, in: .seconds(30)) == .seconds(60))
    }

    @Test func elementsArePulledByTheIdsThatWereSeenAndNoOthers() throws {
        let strategy = EmbeddedCleanup(collection: "orders", path: "a.outbox", idField: "id")
        let document: BSONDocument = [
            "_id": 7, "a": ["outbox": [["id": "x"], ["other": 1], "scalar", ["id": nil], ["id": "y"]]],
        ]
        let item = try #require(try document.withView { try strategy.item($0) })
        #expect(item.elements == ["x", "y"])
        let command = strategy.command([item])
        #expect(command[path: "updates.0.u.$pull"]?.document?["a.outbox"]?.document?[path: "id.$in"] == ["x", "y"])
        #expect(command[path: "updates.0.u.$set.outboxRelayCleaned"]?.uuid?.count == 16)
        #expect(strategy.command([item]) != command, "each pull leaves another mark")
        let empty: BSONDocument = ["_id": 7, "a": ["outbox": [["other": 1]]]]
        #expect(try empty.withView { try strategy.item($0) } == nil)
    }
}
