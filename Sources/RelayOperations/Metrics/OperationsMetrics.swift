/// The names of the metrics that the exposition itself adds to those of ``RelayMetrics``.
public enum OperationsMetrics {
    public static let info = "outbox_relay_info"
    public static let ready = "outbox_relay_ready"
    public static let stuckLoops = "outbox_relay_stuck_loops"
    public static let lagEvents = "outbox_relay_lag_events"
    public static let droppedSeries = "outbox_relay_metrics_dropped_total"
    // The conventional names of Prometheus' client libraries, so that generic dashboards work.
    public static let residentMemory = "process_resident_memory_bytes"
    public static let virtualMemory = "process_virtual_memory_bytes"
    public static let cpuSeconds = "process_cpu_seconds_total"
    public static let startTime = "process_start_time_seconds"
    public static let openFiles = "process_open_fds"
    public static let maxFiles = "process_max_fds"
}
