import RelayTesting

/// What the demo counted.
struct DemoResult: Sendable {
    let plan: DemoPlan
    let record: WorkloadRecord
    /// The queue's table, compared with what the shop committed.
    let queue: QueueReport
    let consumer: Consumer.Tally
    /// Commit to queue while the relay was there, and where events had to wait for it.
    let calm: LatencyRecorder
    let waited: LatencyRecorder
}

/// The table at the end, and whether everything adds up.
struct DemoSummary {
    let result: DemoResult
    let relayExit: ExitStatus?

    /// Every way in which it does not add up.
    var problems: [String] {
        let (record, consumer) = (result.record, result.consumer)
        let expected = result.plan.orders * DemoPlan.steps
        var problems = result.queue.problems.map { "queue: \($0)" }
        if record.committed.count != expected {
            problems.append("shop: \(record.committed.count) of \(expected) events were committed")
        }
        let committed = Set(record.committed.map(\.id))
        let missing = committed.subtracting(consumer.ids).count
        let foreign = consumer.ids.subtracting(committed).count
        if missing > 0 { problems.append("consumer: \(missing) committed events did not arrive") }
        if foreign > 0 { problems.append("consumer: \(foreign) events arrived that were not committed") }
        if consumer.duplicates > 0 { problems.append("consumer: \(consumer.duplicates) deliveries were repeated") }
        if consumer.orderViolations > 0 {
            problems.append("consumer: \(consumer.orderViolations) events were out of order")
        }
        if relayExit != .code(0) {
            let found = relayExit.map { "\($0)" } ?? "nothing"
            problems.append("relay: SIGTERM ended it with \(found) instead of exit code 0")
        }
        return problems
    }

    /// Prints the table and the verdict.
    /// - Returns: whether everything adds up.
    func show(on screen: Screen) -> Bool {
        let (record, consumer, queue) = (result.record, result.consumer, result.queue)
        let orders = Set(record.committed.map(\.key)).count
        screen.plain()
        row("orders committed", Screen.count(orders), "placed, paid and shipped, each with its event", screen)
        row("events committed", Screen.count(record.committed.count), "one in each transaction", screen)
        row(
            "transactions aborted", Screen.count(record.abortedTransactions),
            "on purpose, with order and event in them",
            screen)
        row("events delivered", Screen.count(consumer.ids.count), "read by the consumer with fetch and ack", screen)
        row("duplicates", Screen.count(consumer.duplicates + queue.duplicates.count), "", screen)
        row("order violations", Screen.count(consumer.orderViolations + queue.orderViolations.count), "", screen)
        row(
            "commit to queue, p50", Screen.milliseconds(result.calm.percentile(0.5)),
            "over \(Screen.count(result.calm.count)) events", screen)
        row("commit to queue, p99", Screen.milliseconds(result.calm.percentile(0.99)), "", screen)
        if result.plan.kills > 0 {
            row(
                "while the relay was away", Screen.milliseconds(result.waited.maximum),
                "the longest wait, of \(Screen.count(result.waited.count)) events that had to wait for its return",
                screen)
        }
        screen.plain()
        let problems = problems
        if problems.isEmpty {
            screen.plain("Everything adds up: each committed event was delivered once and in order, and nothing else.")
        } else {
            for problem in problems { screen.problem(problem) }
        }
        return problems.isEmpty
    }

    private func row(_ name: String, _ value: String, _ remark: String, _ screen: Screen) {
        let gap = String(repeating: " ", count: max(1, 26 - name.count))
        screen.plain("  \(name)\(gap)\(Screen.padded(value, 12))\(remark.isEmpty ? "" : "   \(remark)")")
    }
}
