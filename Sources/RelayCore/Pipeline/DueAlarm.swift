/// Wakes a pipeline when something is due that its destination keeps for later.
enum DueAlarm {
    /// How late it may be.
    private static let interval = Duration.milliseconds(100)

    /// Watches `destination` until the task is cancelled.
    static func start(
        for destination: any Destination, by clock: StoreClock, waking queue: BatchQueue
    ) -> Task<Void, any Error> {
        Task {
            while true {
                try await Task.sleep(for: interval)
                if let due = destination.nextDue, due <= clock.now { queue.wake() }
            }
        }
    }
}
