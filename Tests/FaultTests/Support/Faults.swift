import Foundation
import RelayTesting
import Testing

/// What happens to real processes when they, or what they talk to, are killed, frozen or cut off under load. One at a
/// time: several of them measure how long something takes.
@Suite("Faults", .serialized)
enum Faults {
    /// `OUTBOX_RELAY_SOAK=1` asks for the full figures instead of those that fit into a short run.
    static let isSoak = ProcessInfo.processInfo.environment["OUTBOX_RELAY_SOAK"] == "1"
}
