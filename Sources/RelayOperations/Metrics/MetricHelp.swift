import RelayCore

/// The `HELP` line of every metric the relay knows.
enum MetricHelp {
    /// The help text of the metric `name`.
    static func text(for name: String) -> String {
        texts[name] ?? "Recorded by a library inside the relay."
    }

    private static let texts: [String: String] = [
        RelayMetrics.eventsRead: "Events read from the source since the process started.",
        RelayMetrics.eventsDelivered: "Events the destination has accepted since the process started.",
        RelayMetrics.eventsFiltered: "Events settled without delivery because a topic or type filter left them out.",
        RelayMetrics.deadLetters: "Events given up on since the process started, by reason.",
        RelayMetrics.batchEvents: "Events in one delivered batch.",
        RelayMetrics.batchSeconds: "Seconds that delivering one batch took.",
        RelayMetrics.restarts: "How often reading and delivering began anew after a failure.",
        RelayMetrics.errors: "Failures since the process started, by kind.",
        RelayMetrics.lagSeconds:
            "Seconds between the source's newest commit and the newest settled one. Of leaders only, absent while unknown.",
        RelayMetrics.oplogHeadroomSeconds:
            "Seconds of oplog behind the checkpoint before the position is lost. Absent without the privilege to look.",
        RelayMetrics.historyGapSeconds:
            "Seconds of the oplog that were gone before they were read, of the last such gap since the process started.",
        RelayMetrics.role: "1 for the role this relay has in the pipeline, 0 for the other.",
        RelayMetrics.state: "1 for the state the pipeline is in, 0 for the others.",
        RelayMetrics.deadLettersWaiting: "Dead letters neither retried nor discarded yet. Of leaders only.",
        RelayMetrics.parkedEvents: "Events waiting durably for another attempt. Of leaders only.",
        RelayMetrics.parkedKeys: "Keys with parked events. Of leaders only.",
        RelayMetrics.oldestParkedSeconds:
            "Seconds for which the key parked longest has been. Of leaders only, 0 while none is parked.",
        RelayMetrics.breaker: "1 for the state of the webhook's circuit breaker, 0 for the others. Of leaders only.",
        RelayMetrics.inFlight: "Requests to the webhook under way. Of leaders only.",
        WebhookMetrics.attempts: "Requests to the webhook that have ended since the process started, by outcome.",
        WebhookMetrics.attemptSeconds: "Seconds that one request to the webhook took, by class of its outcome.",
        WebhookMetrics.deliverySeconds: "Seconds from an event's commit to its delivery to the webhook.",
        OperationsMetrics.info: "Always 1; the labels name the relay and the version of its build.",
        OperationsMetrics.ready: "1 once MongoDB was reached since the process started, else 0.",
        OperationsMetrics.stuckLoops: "Loops without progress for three times their longest wait; above 0 is not live.",
        OperationsMetrics.lagEvents: "Events not yet settled. Of leaders only, absent where it cannot be known.",
        OperationsMetrics.droppedSeries: "Series refused because their metric had too many or another type, by metric.",
        OperationsMetrics.residentMemory: "Resident memory size in bytes.",
        OperationsMetrics.virtualMemory: "Virtual memory size in bytes.",
        OperationsMetrics.cpuSeconds: "User and system CPU time spent in seconds.",
        OperationsMetrics.startTime: "Start time of the process since the Unix epoch in seconds.",
        OperationsMetrics.openFiles: "Number of open file descriptors.",
        OperationsMetrics.maxFiles: "Maximum number of open file descriptors.",
    ]
}
