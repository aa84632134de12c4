import RelayTesting

/// What one run of the demo does.
struct DemoPlan: Sendable {
    var orders: Int
    var writers: Int
    /// Transactions a second.
    var rate: Double
    /// How often the relay is killed on the way.
    var kills: Int

    /// The share of requests that the webhook answers with 500.
    let webhookFailures = 0.1

    /// Placed, paid, shipped.
    static let steps = 3

    /// The shop's work.
    var workload: WorkloadOptions {
        var options = WorkloadOptions(events: orders * Self.steps)
        // Several steps of one order are never far apart, and two writers seldom want the same order at once.
        let width = max(1, min(50, orders))
        options.keys = .orders(width: width, steps: Self.steps)
        options.writers = writers
        options.rate = rate
        return options
    }

    /// The longest that the rest may take once the shop has finished.
    var deliveryLimit: Duration { .seconds(30) + .milliseconds(2) * orders }
}
