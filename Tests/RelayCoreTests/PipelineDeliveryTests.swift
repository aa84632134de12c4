import Testing

@testable import RelayCore

/// One pipeline against the model: what each failure of a write leads to.
@Suite("Pipeline: delivery", .timeLimit(.minutes(1)))
struct PipelineDeliveryTests {
    @Test("everything arrives once and in order; at the stop the position is stored and the lease given back")
    func plain() async {
        let server = ModelServer(seed: 1)
        let relay = ModelRelay(server, ModelSource(count: 300))
        #expect(await eventually { server.now.first.count == ModelRelay.expected(300).count })
        #expect(await eventually { relay.status.snapshot.state == .streaming })
        #expect(relay.status.snapshot.role == .leader)
        #expect(await relay.stop())
        let state = server.now
        #expect(state.queue == ModelRelay.expected(300))
        #expect(state.lettersEver == ModelRelay.poison(300))
        #expect(state.stored.checkpoint?.token == "300")
        #expect(state.lease == nil)
        #expect(state.releases == 1)
        let status = relay.status.snapshot
        #expect(status.role == .standby)
        #expect(status.eventsDelivered == Int64(state.queue.count))
        #expect(status.eventsDeadLettered == Int64(state.lettersEver.count))
        #expect(status.position == Int64(state.queue.count))
        #expect(relay.status.progress.stuck(at: .now + .seconds(10_000)).isEmpty)
    }

    @Test(
        "an unanswered, refused or robbed write is never doubled and never lost",
        arguments: [
            ModelFault.lostBefore, .lostAfter, .late(.zero), .late(.milliseconds(20)), .late(.milliseconds(150)),
            .late(.milliseconds(400)), .refused, .robbed,
        ])
    func faults(fault: ModelFault) async {
        let server = ModelServer(seed: 2)
        server.state.withLock { $0.script = [nil, fault, nil, nil, fault, fault] }
        let relay = ModelRelay(server, ModelSource(count: 200))
        let expected = ModelRelay.expected(200)
        #expect(await eventually { server.now.queue.count >= expected.count && server.now.script.isEmpty })
        // Long enough for the latest commit to land.
        try? await Task.sleep(for: .milliseconds(450))
        #expect(await relay.stop())
        #expect(server.now.queue == expected)
        #expect(server.now.lettersEver == ModelRelay.poison(200))
        #expect(relay.status.snapshot.restarts > 0)
        #expect(relay.status.snapshot.lastError != nil)
    }

    @Test("a write that hangs is broken off when the lease ends, and the next term repeats it")
    func hanging() async {
        let server = ModelServer(seed: 3)
        // The lease cannot be renewed either: the whole server is away.
        server.state.withLock { $0.script = [nil, .hangs] }
        let relay = ModelRelay(server, ModelSource(count: 100), ttl: .milliseconds(300))
        #expect(await eventually { server.now.script.isEmpty })
        server.state.withLock { $0.storeFaultRate = 1 }
        #expect(await eventually(within: .seconds(3)) { server.now.interruptions > 0 })
        server.state.withLock { $0.storeFaultRate = 0 }
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(100).count })
        #expect(await relay.stop())
        #expect(server.now.queue == ModelRelay.expected(100))
        #expect(server.now.epoch > 1)
    }

    @Test("what is not asked for costs no transaction, but its position is stored at the stop")
    func filtered() async {
        let server = ModelServer(seed: 4)
        let source = ModelSource(count: 5)
        let relay = ModelRelay(server, source, filter: EventFilter(types: ["nothing"]))
        #expect(await eventually { relay.status.snapshot.eventsFiltered == 5 })
        #expect(server.now.writes == 0)
        #expect(await relay.stop())
        #expect(server.now.stored.checkpoint?.token == "5")
        #expect(server.now.queue.isEmpty)
        #expect(server.now.writes == 1)
    }

    @Test("only the types that were asked for arrive")
    func filteredTypes() async {
        let server = ModelServer(seed: 5)
        let relay = ModelRelay(server, ModelSource(count: 120), filter: EventFilter(types: ["ra*"]))
        let expected = ModelRelay.expected(120, types: ["rare"])
        #expect(await eventually { server.now.queue.count == expected.count })
        #expect(await relay.stop())
        #expect(server.now.queue == expected)
        #expect(server.now.stored.checkpoint?.token == "120")
    }

    @Test("a restart goes on behind the stored position")
    func restart() async {
        let server = ModelServer(seed: 6)
        let first = ModelRelay(server, ModelSource(count: 50))
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(50).count })
        #expect(await first.stop())
        let second = ModelRelay(server, ModelSource(count: 90))
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(90).count })
        #expect(await second.stop())
        #expect(server.now.queue == ModelRelay.expected(90))
        #expect(server.now.epoch == 2)
    }

    @Test("a standby waits, and takes over within the lease when the leader vanishes")
    func takeover() async {
        let server = ModelServer(seed: 7)
        let leader = ModelRelay(server, ModelSource(count: 50), ttl: .milliseconds(400))
        #expect(await eventually { leader.status.snapshot.role == .leader })
        let standby = ModelRelay(server, ModelSource(count: 100), ttl: .milliseconds(400))
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(50).count })
        #expect(standby.status.snapshot.role == .standby)
        #expect(standby.source.readings.load(ordering: .relaxed) == 0)
        // Cancelled and not stopped: as if it had been killed, it gives nothing back.
        #expect(await leader.cancel())
        #expect(server.now.releases == 0)
        #expect(await eventually(within: .seconds(3)) { standby.status.snapshot.role == .leader })
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(100).count })
        #expect(await standby.stop())
        #expect(server.now.queue == ModelRelay.expected(100))
    }

    @Test("a source's failure that passes by itself is tried again behind what was delivered")
    func sourceFailures() async {
        struct Stranger: Error {}
        let server = ModelServer(seed: 8)
        let source = ModelSource(count: 120)
        source.failures.withLock {
            $0 = [
                30: RelayError(.unavailable, "an election", isRetriable: true), 60: Stranger(),
                90: RelayError(.refused, "again", isRetriable: true),
            ]
        }
        let relay = ModelRelay(server, source)
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(120).count })
        #expect(await relay.stop())
        #expect(server.now.queue == ModelRelay.expected(120))
        #expect(source.failures.withLock { $0.isEmpty })
    }
}
