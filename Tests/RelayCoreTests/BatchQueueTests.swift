import Testing

@testable import RelayCore

/// The hand-over between source and pipeline, step by step.
@Suite("Batch queue", .timeLimit(.minutes(1)))
struct BatchQueueTests {
    /// Submits `ids` into the batch that is open, or a new one.
    private func submit(_ ids: [String], to queue: BatchQueue) async throws {
        let batch = try await queue.checkOut(behind: Checkpoint())
        for id in ids { batch.appendEvent(id) }
        queue.submit(batch)
    }

    private func ids(_ item: BatchQueue.Item) -> [String]? {
        if case .batch(let batch) = item { batch.ids } else { nil }
    }

    @Test("while nobody takes, small reads gather in one batch; a full one is left alone")
    func coalescing() async throws {
        let queue = BatchQueue(limits: BatchLimits(events: 3))
        try await submit(["1"], to: queue)
        #expect(ids(try await queue.take()) == ["1"])
        try await submit(["2"], to: queue)
        try await submit(["3"], to: queue)
        try await submit(["4"], to: queue)
        try await submit(["5"], to: queue)
        #expect(ids(try await queue.take()) == ["2", "3", "4"])
        #expect(ids(try await queue.take()) == ["5"])
    }

    @Test("a batch is full by events or by bytes; one larger event still makes a batch")
    func fullness() async throws {
        let queue = BatchQueue(limits: BatchLimits(events: 2, bytes: 1000))
        let batch = try await queue.checkOut(behind: Checkpoint())
        #expect(!queue.isFull(batch))
        batch.appendEvent("a")
        #expect(!queue.isFull(batch))
        batch.appendEvent("b")
        #expect(queue.isFull(batch))
        let other = EventBatch(end: Checkpoint())
        other.appendEvent(String(repeating: "x", count: 1000))
        #expect(queue.isFull(other))
        queue.submit(other)
        #expect(ids(try await queue.take())?.count == 1)
    }

    @Test("an ended source's batches are all taken before the end is told, again and again")
    func finishing() async throws {
        let queue = BatchQueue(limits: BatchLimits(events: 1))
        for id in ["1", "2", "3"] { try await submit([id], to: queue) }
        try await submit([], to: queue)
        queue.finish()
        #expect(ids(try await queue.take()) == ["1"])
        #expect(ids(try await queue.take()) == ["2"])
        #expect(ids(try await queue.take()) == ["3"])
        #expect(ids(try await queue.take()) == [])
        for _ in 0..<2 { if case .finished = try await queue.take() {} else { Issue.record("no end") } }
        #expect(queue.heldBytes == 0)
    }

    @Test("waking is remembered, counts once, and comes before batches")
    func waking() async throws {
        let queue = BatchQueue(limits: BatchLimits())
        queue.wake()
        queue.wake()
        try await submit(["1"], to: queue)
        if case .woken = try await queue.take() {} else { Issue.record("was not woken") }
        #expect(ids(try await queue.take()) == ["1"])
        let waiting = Task { try await queue.take() }
        try await Task.sleep(for: .milliseconds(20))
        queue.wake()
        let item = try #require(await result(of: waiting, within: .seconds(5))).get()
        if case .woken = item {} else { Issue.record("was not woken while waiting") }
    }

    @Test("a buffer that is full by what is in flight makes the source wait until that is settled")
    func backPressure() async throws {
        let queue = BatchQueue(limits: BatchLimits(events: 1, buffer: 1))
        try await submit(["1"], to: queue)
        let second = Task { try await self.submit(["2"], to: queue) }
        #expect(await result(of: second, within: .milliseconds(50)) == nil)
        #expect(ids(try await queue.take()) == ["1"])
        // Taken, but not settled.
        #expect(await result(of: second, within: .milliseconds(50)) == nil)
        #expect(queue.heldBytes > 0)
        let next = Task { try await queue.take() }
        #expect(await result(of: second, within: .seconds(5)) != nil)
        #expect(ids(try #require(await result(of: next, within: .seconds(5))).get()) == ["2"])
    }

    @Test("waiting ends when the task is cancelled, on both sides")
    func cancellation() async throws {
        let queue = BatchQueue(limits: BatchLimits(events: 1, buffer: 1))
        try await submit(["1"], to: queue)
        let producer = Task { try await self.submit(["2"], to: queue) }
        let idle = BatchQueue(limits: BatchLimits())
        let consumer = Task { try await idle.take() }
        try await Task.sleep(for: .milliseconds(20))
        producer.cancel()
        consumer.cancel()
        let first = try #require(await result(of: producer, within: .seconds(5)))
        let second = try #require(await result(of: consumer, within: .seconds(5)))
        #expect(throws: CancellationError.self) { try first.get() }
        #expect(throws: CancellationError.self) { try second.get() }
        // Nothing was lost by it.
        #expect(ids(try await queue.take()) == ["1"])
    }
}

/// `RELAY_BATCH_LINGER`.
@Suite("Batch queue: linger", .timeLimit(.minutes(1)))
struct BatchLingerTests {
    @Test("a batch that is not full waits for more, and for no longer than the linger")
    func lingers() async throws {
        let queue = BatchQueue(limits: BatchLimits(linger: .milliseconds(150)))
        let began = ContinuousClock.now
        let first = try await queue.checkOut(behind: Checkpoint())
        first.appendEvent("1")
        queue.submit(first)
        let taken = Task { try await queue.take() }
        try await Task.sleep(for: .milliseconds(30))
        let again = try await queue.checkOut(behind: Checkpoint())
        again.appendEvent("2")
        queue.submit(again)
        guard case .batch(let batch) = try await taken.value else {
            Issue.record("no batch")
            return
        }
        #expect(batch.ids == ["1", "2"])
        #expect(began.duration(to: .now) >= .milliseconds(150))
    }

    @Test("a full batch, a bare position and an ended source do not linger")
    func withoutLinger() async throws {
        for variant in 0..<3 {
            let queue = BatchQueue(limits: BatchLimits(events: 2, linger: .seconds(30)))
            let batch = try await queue.checkOut(behind: Checkpoint())
            if variant != 1 { batch.appendEvent("1") }
            if variant == 0 { batch.appendEvent("2") }
            queue.submit(batch)
            if variant == 2 { queue.finish() }
            let taken = Task { try await queue.take() }
            let found = await result(of: taken, within: .seconds(5))
            taken.cancel()
            #expect(found != nil, "variant \(variant) lingered")
        }
    }

    @Test("lingering ends early when the batch fills, the source ends, or somebody wakes the consumer")
    func endsEarly() async throws {
        for variant in 0..<3 {
            let queue = BatchQueue(limits: BatchLimits(events: 2, linger: .seconds(30)))
            let batch = try await queue.checkOut(behind: Checkpoint())
            batch.appendEvent("1")
            queue.submit(batch)
            let taken = Task { try await queue.take() }
            try await Task.sleep(for: .milliseconds(50))
            switch variant {
            case 0:
                let open = try await queue.checkOut(behind: Checkpoint())
                open.appendEvent("2")
                queue.submit(open)
            case 1: queue.finish()
            default: queue.wake()
            }
            let found = await result(of: taken, within: .seconds(3))
            taken.cancel()
            #expect(found != nil, "variant \(["filled", "finished", "woken"][variant]) went on lingering")
        }
    }
}
