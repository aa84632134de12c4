import Foundation
import Logging
import RelayCore
import RelayTesting
import Testing

@testable import RelayWebhook

/// A webhook destination between a list of events and a scripted receiver, fed as a pipeline feeds it, stopped and
/// begun anew as often as a test likes.
final class DeliveryRig: @unchecked Sendable {
    // @unchecked: one task runs it; tests read its store, receiver and status beside that, which are safe.
    let store = InMemorySettlementStore()
    let receiver: ScriptedReceiver
    private let sender: any EventSender
    let events: [(id: String, key: String)]
    var options: WebhookOptions
    let status: PipelineStatus
    private(set) var grant = LeaseGrant(owner: "", epoch: 0)
    private var destination: WebhookDestination
    var batchSize = 1...7
    /// The payload of an event, by its number.
    var payload: (Int) -> String = { _ in "{}" }

    init(
        events: [(id: String, key: String)], receiver: ScriptedReceiver, sender: (any EventSender)? = nil,
        _ change: (inout WebhookOptions) -> Void = { _ in }
    ) {
        self.events = events
        self.receiver = receiver
        self.sender = sender ?? receiver
        var options = WebhookOptions(
            destination: "default", pipeline: "test/default", url: "http://127.0.0.1", eventSource: "/test")
        options.retryFirst = .milliseconds(10)
        options.retryMax = .milliseconds(100)
        options.settleTime = .seconds(2)
        change(&options)
        self.options = options
        status = PipelineStatus(name: "test/default", destination: "default", progress: LoopProgress())
        destination = WebhookDestination(
            options, store: store, sender: self.sender, status: status, logger: Logger(label: "test"))
    }

    /// `count` events over `keys` keys at random.
    static func events(_ count: Int, keys: Int, seed: UInt64) -> [(id: String, key: String)] {
        var random = ConformanceRandom(seed: seed)
        return (0..<count).map { ("e\($0)", "k\(Int.random(in: 0..<keys, using: &random))") }
    }

    /// Another process: what was in memory is gone.
    func restart() async {
        destination.cancelInFlight()
        destination = WebhookDestination(
            options, store: store, sender: self.sender, status: status, logger: Logger(label: "test"))
    }

    /// Feeds events as a pipeline does until all are settled, or `time` has passed. What fails begins anew at the stored
    /// checkpoint, as after a crash.
    func run(
        for time: Duration = .seconds(60), seed: UInt64 = 1, until isDone: ((StoredState) -> Bool)? = nil
    ) async throws -> StoredState {
        var random = ConformanceRandom(seed: seed)
        let end = ContinuousClock.now + time
        while true {
            do {
                try await lead()
                var state = try await store.takeOver(grant)
                try await destination.begin(after: state, under: grant)
                var next = state.checkpoint?.ordinal ?? 0
                while ContinuousClock.now < end {
                    state = try destination.current(state)
                    if state.paused != nil { return try await destination.settle(state) }
                    if let isDone {
                        if isDone(state) { return try await destination.settle(state) }
                    } else if next == events.count, !destination.hasUnsettled, store.contents.keys.isEmpty {
                        return try await destination.settle(state)
                    }
                    guard next < events.count, try await destination.awaitRoom() else {
                        try await Task.sleep(for: .milliseconds(5))
                        continue
                    }
                    let size = min(Int.random(in: batchSize, using: &random), events.count - next)
                    _ = try await destination.deliver(batch(next, size), after: state, under: grant)
                    next += size
                }
                return state
            } catch let error as RelayError where error.isRetriable {
                if ContinuousClock.now >= end { return store.contents.stored }
            }
        }
    }

    /// Takes the lease as another relay's pipeline would.
    private func lead() async throws {
        while true {
            switch try await store.acquireLease(owner: UUID().uuidString, ttl: .seconds(60)) {
            case .granted(let granted):
                grant = granted
                return
            case .held:
                try? await store.releaseLease(grant)
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    private func batch(_ first: Int, _ count: Int) -> EventBatch {
        let batch = EventBatch(end: Checkpoint())
        for event in events[first..<(first + count)] {
            var record = EventRecord()
            func field(_ text: String) -> ByteRange {
                let start = batch.arena.count
                batch.arena.append(text)
                return ByteRange(offset: start, length: batch.arena.count - start)
            }
            record.id = field(event.id)
            record.key = field(event.key)
            record.topic = field("orders")
            record.type = field("made")
            record.payload = field(payload(Int(event.id.dropFirst())!))
            batch.append(record)
        }
        var end = Checkpoint()
        end.ordinal = first + count
        batch.close(at: end, sourceTime: nil, isLevel: false)
        return batch
    }

    /// What must hold when all is done: every event taken or a dead letter, first arrivals in order by key, no two
    /// attempts of a key at once.
    func check(givenUp: Set<String> = [], sourceLocation: SourceLocation = #_sourceLocation) {
        let memory = receiver.memory.withLock { $0 }
        let contents = store.contents
        #expect(contents.parked.isEmpty, sourceLocation: sourceLocation)
        #expect(contents.keys.isEmpty, sourceLocation: sourceLocation)
        let letters = Set(contents.letters.values.compactMap { $0.letter.event.text(\.id) })
        #expect(letters == givenUp, sourceLocation: sourceLocation)
        let accepted = Set(memory.accepted.map(\.id))
        let missing = events.map(\.id).filter { !accepted.contains($0) && !letters.contains($0) }
        #expect(missing.isEmpty, "\(missing.prefix(5)) of \(missing.count) lost", sourceLocation: sourceLocation)
        #expect(memory.overlaps.isEmpty, "\(memory.overlaps.prefix(3))", sourceLocation: sourceLocation)
        guard options.ordersByKey else { return }
        var last: [String: Int] = [:]
        var seen: Set<String> = []
        for event in memory.accepted where seen.insert(event.id).inserted {
            let number = Int(event.id.dropFirst())!
            #expect(
                number > last[event.key, default: -1], "\(event.id) of \(event.key) out of order",
                sourceLocation: sourceLocation)
            last[event.key] = number
        }
    }
}
