import RelayTesting
import Synchronization

/// When events were committed, and how long they took to the queue, with the relay there and without it.
final class Timetable: Sendable {
    /// The time around a kill of the relay.
    struct Absence: Sendable {
        var killedAt: ContinuousClock.Instant
        /// When the relay was level with MongoDB again by its own account.
        var backAt: ContinuousClock.Instant
    }

    private let commits = Mutex<[String: ContinuousClock.Instant]>([:])
    private let gaps = Mutex<[Absence]>([])

    /// Notes that an event's commit was answered; from any thread.
    func committed(_ event: CommittedEvent) {
        guard let time = event.committedAt else { return }
        commits.withLock { $0[event.id] = time }
    }

    func add(_ absence: Absence) { gaps.withLock { $0.append(absence) } }

    /// From the commit's answer to `time`; nil while the answer has not come. A change stream may be faster than
    /// the answer: that is no time at all.
    func latency(of id: String, at time: ContinuousClock.Instant) -> Duration? {
        commits.withLock { $0[id] }.map { max(.zero, $0.duration(to: time)) }
    }

    /// Latencies of events that came while the relay was there, and of those that had to wait for it.
    ///
    /// An event had to wait if it arrived after a kill and was committed before everything was there that the shop had
    /// committed up to the relay's return: by what happened to the relay, and not by how long the event took.
    func latencies(_ arrivals: [String: ContinuousClock.Instant]) -> (calm: LatencyRecorder, waited: LatencyRecorder) {
        let commits = commits.withLock { $0 }
        let windows = gaps.withLock { $0 }.map { gap in
            let end = commits.filter { $0.value <= gap.backAt }.compactMap { arrivals[$0.key] }.max()
            return (from: gap.killedAt, to: max(end ?? gap.backAt, gap.backAt))
        }
        let (calm, waited) = (LatencyRecorder(), LatencyRecorder())
        for (id, commit) in commits {
            guard let arrival = arrivals[id] else { continue }
            let isDisturbed = windows.contains { arrival > $0.from && commit < $0.to }
            (isDisturbed ? waited : calm).record(max(.zero, commit.duration(to: arrival)))
        }
        return (calm, waited)
    }
}
