import RelayTesting

/// What the demo counted.
struct DemoResult: Sendable {
    let plan: DemoPlan
    let record: WorkloadRecord
    /// The queue's table, compared with what the shop committed.
    let queue: QueueReport
    let consumer: Consumer.Tally
    /// What the webhook accepted, compared likewise.
    let webhook: WebhookReport
    /// Commit to queue while the relay was there, and where events had to wait for it.
    let calm: LatencyRecorder
    let waited: LatencyRecorder
    /// Commit to the webhook's 200 while the relay was there, with the waits of what had failed before.
    let webhookCalm: LatencyRecorder
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
        problems += result.webhook.problems.map { "webhook: \($0)" }
        if result.plan.kills == 0, result.webhook.repeats > 0 {
            problems.append(
                "webhook: \(result.webhook.repeats) deliveries were repeated, and the relay was never killed")
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
        showWebhook(on: screen)
        screen.plain()
        let problems = problems
        if problems.isEmpty {
            screen.plain(
                """
                Everything adds up: each committed event is in the queue exactly once and was accepted by the webhook, \
                both in order by key, and nothing else came.
                """)
        } else {
            for problem in problems { screen.problem(problem) }
        }
        return problems.isEmpty
    }

    private func showWebhook(on screen: Screen) {
        let (plan, webhook) = (result.plan, result.webhook)
        screen.plain()
        row(
            "webhook: events accepted", Screen.count(webhook.accepted), "in \(Screen.count(webhook.requests)) requests",
            screen)
        row(
            "webhook: answered 500", Screen.count(webhook.answers[500, default: 0]),
            "at random, \(Screen.decimal(plan.webhookFailures * 100)) % of the requests", screen)
        row("webhook: bad signatures", Screen.count(webhook.signatureFailures.count), "", screen)
        row(
            "webhook: duplicates", Screen.count(webhook.repeats),
            "by webhook-id: what was not yet saved as delivered at a kill comes again", screen)
        row(
            "webhook: order violations", Screen.count(webhook.orderViolations.count), "of first arrivals, by key",
            screen)
        row(
            "commit to webhook, p50", Screen.milliseconds(result.webhookCalm.percentile(0.5)),
            "over \(Screen.count(result.webhookCalm.count)) events, with their retries", screen)
        row("commit to webhook, p99", Screen.milliseconds(result.webhookCalm.percentile(0.99)), "", screen)
    }

    private func row(_ name: String, _ value: String, _ remark: String, _ screen: Screen) {
        let gap = String(repeating: " ", count: max(1, 26 - name.count))
        screen.plain("  \(name)\(gap)\(Screen.padded(value, 12))\(remark.isEmpty ? "" : "   \(remark)")")
    }
}
