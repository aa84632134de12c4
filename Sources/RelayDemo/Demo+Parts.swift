import RelayTesting

extension Demo {
    /// The shop works to its end; then what is on its way is waited for, and all of it is compared.
    func trade(
        _ workload: Workload, _ consumer: Consumer, _ watcher: QueueWatcher, _ webhook: DemoWebhook,
        _ servers: TestServers
    ) async throws -> DemoResult {
        let record = try await workload.run { timetable.committed($0) }
        try Task.checkCancellation()
        screen.line("the shop closes; waiting for what is on its way")
        // By counts, and no error if they are not reached: what is missing is for the table to say.
        let end = ContinuousClock.now + plan.deliveryLimit
        let wanted = record.committed.count
        while consumer.count < wanted || watcher.count < wanted || webhook.receiver.accepted < wanted,
            ContinuousClock.now < end
        {
            try await Task.sleep(for: .milliseconds(20))
        }
        // Time for what must not come: second copies, and events of aborted transactions.
        try await Task.sleep(for: .milliseconds(500))
        let queue = try await QueueChecker(url: servers.postgres.url())
            .check(record.committed, aborted: record.aborted)
        let latencies = timetable.latencies(watcher.arrivals)
        return DemoResult(
            plan: plan, record: record, queue: queue, consumer: consumer.tally,
            webhook: webhook.receiver.check(record.committed, aborted: record.aborted), calm: latencies.calm,
            waited: latencies.waited, webhookCalm: timetable.latencies(webhook.receiver.arrivals).calm)
    }

    /// Kills the relay as often as planned, evenly over the work, and starts it again; from then on sees to it that it
    /// lives.
    func disturb(_ relay: RelayProcess, _ workload: Workload) async throws {
        let total = plan.orders * DemoPlan.steps
        for number in 0..<plan.kills {
            let due = total * (number + 1) / (plan.kills + 1)
            while workload.progress.committed < due {
                try check(relay)
                try await Task.sleep(for: .milliseconds(5))
            }
            try check(relay)
            let killedAt = ContinuousClock.now
            await relay.kill()
            screen.line("the relay is killed by SIGKILL, and started again; the shop goes on")
            try await relay.start()
            try await relay.waitUntilStreaming()
            let backAt = ContinuousClock.now
            timetable.add(Timetable.Absence(killedAt: killedAt, backAt: backAt))
            screen.line(
                "the relay is level again \(Screen.decimal(killedAt.duration(to: backAt) / .seconds(1), 1)) s after the kill"
            )
        }
        while true {
            try check(relay)
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func check(_ relay: RelayProcess) throws {
        if let status = relay.exitStatus {
            throw TestingError("the relay ended by itself (\(status)). The end of its log:\n\(relay.logTail)")
        }
    }

    /// Prints how far shop, consumer and webhook are.
    func report(_ workload: Workload, _ consumer: Consumer, _ webhook: DemoWebhook) async {
        while true {
            try? await Task.sleep(for: .seconds(3))
            if Task.isCancelled { return }
            let progress = workload.progress
            screen.line(
                "\(Screen.count(progress.committed)) transactions committed, \(Screen.count(progress.aborted)) aborted; \(Screen.count(consumer.count)) events consumed, \(Screen.count(webhook.receiver.accepted)) accepted by the webhook"
            )
        }
    }
}
