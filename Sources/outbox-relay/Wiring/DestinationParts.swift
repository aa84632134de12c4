import Foundation
import Logging
import RelayConfiguration
import RelayCore

/// One destination of either kind, put together. Nothing connects before it is used.
protocol DestinationParts: Sendable {
    var settings: DestinationSettings { get }
    /// The pipeline's name: `<relay name>/<destination>`.
    var pipeline: String { get }
    /// What commands do with its state.
    var administration: any DestinationAdministration { get }
    /// Whether binary payloads are kept as bytes.
    var keepsBinaryPayload: Bool { get }

    /// Where events go, and where that is remembered.
    /// - Throws: ``RelayError`` when a value cannot be used (a certificate that is none).
    func ends(status: PipelineStatus, logger: Logger) throws -> (destination: any Destination, store: any StateStore)

    /// How large batches grow, with `buffer` bytes for all that the pipeline holds.
    func limits(_ relay: RelaySettings, buffer: Int) -> BatchLimits

    /// What `check` says of it.
    func findings() async -> [Finding]

    /// Creates what is missing; returns what to say of it.
    func setUp() async throws -> String

    /// Names of pipelines of the relay `relay` that have state where this destination's lies.
    func storedPipelines(of relay: String) async throws -> [String]

    /// Carries the state of the pipeline `old` over to this one's name.
    /// - Throws: ``RelayError`` when that is not to be done; nothing is changed then.
    func adopt(_ old: String) async throws

    /// The same for a person to do: SQL or commands, with a line of what to do with them.
    var setupScript: String { get }
}

extension DestinationParts {
    var destination: String { settings.name }

    /// This relay's name for people: host and process.
    static var holder: String {
        "\(ProcessInfo.processInfo.hostName) (process \(ProcessInfo.processInfo.processIdentifier))"
    }
}
