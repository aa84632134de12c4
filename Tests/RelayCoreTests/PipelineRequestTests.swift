import Testing

@testable import RelayCore

/// One pipeline against the model: halting, and what people ask of it.
@Suite("Pipeline: halts and requests", .timeLimit(.minutes(1)))
struct PipelineRequestTests {
    @Test("what a person has to decide halts the pipeline, which keeps its lease and goes on after a resume")
    func halting() async {
        let server = ModelServer(seed: 1)
        let source = ModelSource(count: 100)
        source.failures.withLock { $0 = [40: RelayError(.historyLost, "the position is gone")] }
        let relay = ModelRelay(server, source, ttl: .milliseconds(400))
        #expect(await eventually { relay.status.snapshot.state == .halted })
        #expect(relay.status.snapshot.why == "the position is gone")
        // Everything before it is delivered; nothing behind it, however long it takes.
        try? await Task.sleep(for: .milliseconds(700))
        #expect(server.now.queue == ModelRelay.expected(40))
        #expect(relay.status.snapshot.state == .halted)
        #expect(relay.status.snapshot.role == .leader)
        #expect(server.now.epoch == 1)
        let resume = server.leave(.resume)
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(100).count })
        #expect(server.now.answers[resume]?.count == 1)
        #expect(relay.status.snapshot.state != .halted)
        #expect(await relay.stop())
        #expect(server.now.queue == ModelRelay.expected(100))
    }

    @Test("an event that the destination refuses for good halts behind everything before it")
    func refusedEvent() async {
        let server = ModelServer(seed: 2)
        server.state.withLock { $0.refusedEvents = ["e33"] }
        let relay = ModelRelay(server, ModelSource(count: 80))
        #expect(await eventually { relay.status.snapshot.state == .halted })
        #expect(server.now.queue == ModelRelay.expected(33))
        server.state.withLock { $0.refusedEvents = [] }
        server.leave(.resume)
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(80).count })
        #expect(await relay.stop())
        #expect(server.now.queue == ModelRelay.expected(80))
    }

    @Test("paused, nothing is delivered, a restart included; resumed, it goes on")
    func pausing() async {
        let server = ModelServer(seed: 3)
        let source = ModelSource(count: 40)
        let first = ModelRelay(server, source, ttl: .milliseconds(400))
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(40).count })
        let pause = server.leave(.pause(reason: "a migration"))
        #expect(await eventually { first.status.snapshot.state == .paused })
        #expect(server.now.answers[pause]?.count == 1)
        #expect(first.status.snapshot.why == "a migration")
        source.count.store(80, ordering: .relaxed)
        try? await Task.sleep(for: .milliseconds(200))
        #expect(await first.stop())
        let second = ModelRelay(server, ModelSource(count: 80), ttl: .milliseconds(400))
        #expect(await eventually { second.status.snapshot.state == .paused })
        try? await Task.sleep(for: .milliseconds(200))
        #expect(server.now.queue == ModelRelay.expected(40))
        server.leave(.resume)
        #expect(await eventually { server.now.queue.count == ModelRelay.expected(80).count })
        #expect(second.status.snapshot.why != "a migration")
        #expect(await second.stop())
        #expect(server.now.queue == ModelRelay.expected(80))
    }

    @Test("dead letters are retried and discarded once a request, while streaming, paused and halted")
    func deadLetters() async {
        let server = ModelServer(seed: 4)
        let source = ModelSource(count: 130)
        source.failures.withLock { $0 = [110: RelayError(.historyLost, "gone")] }
        let relay = ModelRelay(server, source, ttl: .milliseconds(400))
        // e5, e22, e39, e56, e73, e90, e107 are letters 1 to 7.
        #expect(await eventually { relay.status.snapshot.state == .halted })
        #expect(await eventually { relay.status.snapshot.deadLetters == 7 })
        var requests = [server.leave(.retryDeadLetters([1])), server.leave(.discardDeadLetters([2]))]
        #expect(await eventually { server.now.answers.count == 2 })
        requests.append(server.leave(.resume))
        #expect(await eventually { relay.status.snapshot.state == .streaming })
        requests.append(server.leave(.retryDeadLetters([3, 4])))
        #expect(await eventually { server.now.answers.count == 4 })
        requests.append(server.leave(.pause(reason: "why")))
        requests += [server.leave(.discardDeadLetters([5, 5])), server.leave(.retryDeadLetters([6]))]
        #expect(await eventually { server.now.answers.count == 7 })
        #expect(await eventually { relay.status.snapshot.deadLetters == server.now.letters.count })
        #expect(await relay.stop())
        let state = server.now
        #expect(state.redelivered == ["e5", "e39", "e56", "e90"])
        #expect(state.discarded == ["e22", "e73"])
        #expect(state.queue.filter { $0.hasPrefix("again:") } == ["again:e5", "again:e39", "again:e56", "again:e90"])
        #expect(state.first == ModelRelay.expected(130))
        for request in requests {
            #expect(state.answers[request]?.count == 1)
            #expect(state.calls[request, default: 1] == 1)
        }
    }

    @Test("a request of a newer version is answered, not ignored")
    func unknown() async {
        let server = ModelServer(seed: 5)
        let relay = ModelRelay(server, ModelSource(count: 1), ttl: .milliseconds(400))
        let request = server.leave(.unknown("dance"))
        #expect(await eventually { server.now.answers[request] != nil })
        #expect(server.now.answers[request]?.first?.succeeded == false)
        #expect(server.now.answers[request]?.first?.message.contains("dance") == true)
        #expect(await relay.stop())
    }

    @Test("a request that failed for the moment, and those fetched with it, are carried out in the end")
    func failedRequests() async {
        let server = ModelServer(seed: 6)
        let relay = ModelRelay(server, ModelSource(count: 60), ttl: .milliseconds(400))
        #expect(await eventually { relay.status.snapshot.state == .streaming })
        // Left together, so that one fetch brings them all; the first call fails as on a broken connection.
        let requests = server.state.withLock { state in
            state.requestFaults = 1
            let kinds: [RelayRequest.Kind] = [.retryDeadLetters([1]), .discardDeadLetters([2]), .retryDeadLetters([3])]
            for (index, kind) in kinds.enumerated() {
                state.requests.append(.init(request: RelayRequest(id: Int64(index + 1), kind: kind)))
            }
            return [Int64(1), 2, 3]
        }
        let answered = await eventually(within: .seconds(6)) { server.now.answers.count == requests.count }
        #expect(answered, "answered: \(server.now.answers.keys.sorted()) of \(requests)")
        #expect(await relay.stop())
    }

    @Test("a stop is bounded in every state: standing by, halted, paused, backing off, writing")
    func stopping() async {
        let limit = Duration.seconds(3)
        let halted = ModelServer(seed: 7)
        let source = ModelSource(count: 10)
        source.failures.withLock { $0 = [5: RelayError(.historyLost, "gone")] }
        let relays = [
            ModelRelay(halted, source), ModelRelay(halted, ModelSource(count: 10)),
        ]
        #expect(await eventually { relays.contains { $0.status.snapshot.state == .halted } })
        for relay in relays.reversed() { #expect(await relay.stop(within: limit)) }

        let paused = ModelServer(seed: 8)
        paused.state.withLock { $0.stored.paused = "why" }
        let second = ModelRelay(paused, ModelSource(count: 10))
        #expect(await eventually { second.status.snapshot.state == .paused })
        #expect(await second.stop(within: limit))

        let failing = ModelServer(seed: 9)
        failing.state.withLock { $0.storeFaultRate = 1 }
        let third = ModelRelay(failing, ModelSource(count: 10))
        #expect(await eventually { third.status.snapshot.restarts > 3 })
        #expect(await third.stop(within: limit))

        let refusing = ModelServer(seed: 10)
        refusing.state.withLock { $0.script = Array(repeating: .refused, count: 50) }
        let fourth = ModelRelay(refusing, ModelSource(count: 10))
        #expect(await eventually { fourth.status.snapshot.restarts > 3 })
        #expect(await fourth.stop(within: limit))
        #expect(refusing.now.queue.isEmpty)
    }
}
