import RelayTesting
import Synchronization

/// Prints an event as the consumer gets it, now and then.
final class Samples: Sendable {
    private let screen: Screen
    private let timetable: Timetable
    private let watcher: QueueWatcher
    private let nextAt = Mutex(ContinuousClock.now)
    private static let interval = Duration.milliseconds(700)

    init(screen: Screen, timetable: Timetable, watcher: QueueWatcher) {
        self.screen = screen
        self.timetable = timetable
        self.watcher = watcher
    }

    /// Shows this event, or not.
    func note(_ delivery: Consumer.Delivery) {
        let now = ContinuousClock.now
        let isDue = nextAt.withLock { next in
            guard now >= next else { return false }
            next = now + Self.interval
            return true
        }
        guard isDue else { return }
        let latency = timetable.latency(of: delivery.id, at: watcher.arrival(of: delivery.id) ?? now)
        let time = latency.map { ", in the queue \(Screen.milliseconds($0)) after its commit" } ?? ""
        let type = delivery.type.padding(12)
        screen.line("  \(type)  \(delivery.key.padding(11))  event \(delivery.id)\(time)")
    }
}

extension String {
    /// The text at the left end of at least so many columns.
    fileprivate func padding(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
