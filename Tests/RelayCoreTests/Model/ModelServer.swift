import Synchronization

@testable import RelayCore

/// What goes wrong with one write.
enum ModelFault: Sendable {
    /// The server never saw it.
    case lostBefore
    /// It was committed, and the answer got lost.
    case lostAfter
    /// The answer got lost, and the commit happens, or is refused, this much later.
    case late(Duration)
    /// No answer until somebody breaks it off.
    case hangs
    /// The server says that it cannot do that now.
    case refused
    /// A person has to decide.
    case halting
    /// Another relay takes the lease first.
    case robbed
}

/// A queue with its state as a model: what PostgreSQL does for the relay, in memory. Writes compare owner, epoch,
/// position and revision and happen whole or not at all; requests are handed out until they are answered.
final class ModelServer: Sendable {
    /// One transaction.
    struct Write: Sendable {
        var grant: LeaseGrant
        var position: Int64
        var revision: Int64
        var events: [String] = []
        var poison: [String] = []
        var checkpoint: Checkpoint?
        var resolves: Int64?
    }

    struct Request: Sendable {
        enum State: Sendable, Equatable {
            case pending
            case running(epoch: Int64)
            case answered
        }
        var request: RelayRequest
        var state = State.pending
    }

    struct State: Sendable {
        var stored = StoredState(stream: 1, position: 0, revision: 0, checkpoint: nil, paused: nil)
        var writer: LeaseGrant?
        var lease: LeaseGrant?
        var leaseEnds = ContinuousClock.now
        var epoch: Int64 = 0
        /// Delivered events by position.
        var queue: [String] = []
        var letters: [Int64: String] = [:]
        var lettersEver: [String] = []
        var discarded: [String] = []
        var redelivered: [String] = []
        var requests: [Request] = []
        var answers: [Int64: [RequestAnswer]] = [:]
        /// How often destination or store was called for a request.
        var calls: [Int64: Int] = [:]
        var interruptions = 0
        var writes = 0
        var releases = 0
        /// What befalls the next writes; then `faultRate` decides.
        var script: [ModelFault?] = []
        /// What befalls the next calls for requests.
        var requestFaults = 0
        var faultRate = 0.0
        var storeFaultRate = 0.0
        /// Events that fail their batch with an error about data.
        var refusedEvents: Set<String> = []
        var random: SeededGenerator
    }

    let state: Mutex<State>

    init(seed: UInt64) { state = Mutex(State(random: SeededGenerator(seed: seed))) }

    /// A copy of everything as it is now.
    var now: State { state.withLock { $0 } }

    /// Commits `write`, or throws what PostgreSQL's fence raises.
    func commit(_ write: Write) throws {
        try state.withLock { state in
            guard state.writer == write.grant else {
                throw RelayError(.fenced, "another relay writes", isRetriable: true)
            }
            guard state.stored.position == write.position, state.stored.revision == write.revision else {
                throw RelayError(.refused, "the checkpoint moved", isRetriable: true)
            }
            if let letter = write.resolves {
                guard let name = state.letters.removeValue(forKey: letter) else {
                    throw RelayError(.refused, "no such letter", isRetriable: true)
                }
                state.redelivered.append(name)
            }
            state.queue += write.events
            for name in write.poison {
                state.lettersEver.append(name)
                state.letters[Int64(state.lettersEver.count)] = name
            }
            state.stored.position += Int64(write.events.count)
            state.stored.revision += 1
            state.stored.checkpoint = write.checkpoint
            state.writes += 1
        }
    }

    /// Leaves a request, as a command does.
    @discardableResult
    func leave(_ kind: RelayRequest.Kind) -> Int64 {
        state.withLock { state in
            let id = Int64(state.requests.count + 1)
            state.requests.append(Request(request: RelayRequest(id: id, kind: kind)))
            return id
        }
    }

    /// Gives the lease to nobody that answers.
    func rob(for duration: Duration = .milliseconds(80)) {
        state.withLock { state in
            state.epoch += 1
            let thief = LeaseGrant(owner: "thief", epoch: state.epoch)
            state.lease = thief
            state.leaseEnds = .now + duration
            state.writer = thief
        }
    }

    /// The fate of the next write.
    func nextFault() -> ModelFault? {
        state.withLock { state in
            if !state.script.isEmpty { return state.script.removeFirst() }
            guard Double.random(in: 0..<1, using: &state.random) < state.faultRate else { return nil }
            switch Int.random(in: 0..<9, using: &state.random) {
            case 0, 1: return .lostBefore
            case 2, 3: return .lostAfter
            case 4, 5: return .late(.milliseconds(Int.random(in: 0...150, using: &state.random)))
            case 6: return .refused
            case 7: return .robbed
            default: return Bool.random(using: &state.random) ? .hangs : .halting
            }
        }
    }

    /// Whether a call of the store other than a write fails now.
    func storeFails() -> Bool {
        state.withLock { Double.random(in: 0..<1, using: &$0.random) < $0.storeFaultRate }
    }
}
