import Logging

/// The MongoDB driver warns of every aborted transaction and every lost connection, which tests and the demo bring
/// about on purpose by the hundred.
package enum DriverLog {
    /// Drops what the driver logs in this process; all other logs go to standard error as before.
    ///
    /// A process can set up its logging once only: whoever uses the workload leaves it at that.
    package static func quieten() { _ = once }

    private static let once: Void = LoggingSystem.bootstrap { label in handler(label) }

    private static func handler(_ label: String) -> any LogHandler {
        if label == "outbox-relay.mongodb" { return SwiftLogNoOpLogHandler() }
        return StreamLogHandler.standardError(label: label)
    }
}
