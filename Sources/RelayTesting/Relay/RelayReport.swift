import Foundation

/// The relay's `/status`, as far as tests and the demo read it.
package struct RelayReport: Decodable, Sendable {
    package var name: String
    package var ready: Bool
    package var live: Bool
    package var mongoDBProblem: String?
    package var cleanup: Cleanup
    package var pipelines: [Pipeline]

    /// What becomes of settled documents.
    package struct Cleanup: Decodable, Sendable {
        package var mode: String
        package var state: String
        package var blockedBy: [String]
        package var cleaned: Int
        package var lastError: String?
    }

    /// One pipeline in it; see design section 6 for the fields.
    package struct Pipeline: Decodable, Sendable {
        package var name: String
        package var destination: String
        package var role: String
        package var state: String
        package var why: String?
        package var lagSeconds: Double?
        package var oplogHeadroomSeconds: Double?
        package var lastError: String?
        package var epoch: Int64?
        package var stream: Int?
        package var position: Int64?
        package var parked: Int?
        package var parkedKeys: Int?
        package var spooling: Bool?
        package var oldestParkedSeconds: Double?
        package var breaker: String?
        package var inFlight: Int?
        package var deadLetters: Int
        package var restarts: Int
        package var eventsRead: Int64
        package var eventsDelivered: Int64
        package var eventsFiltered: Int64
        package var eventsDeadLettered: Int64
    }

    /// Reads the document of `/status`.
    init(json: String) throws { self = try JSONDecoder().decode(RelayReport.self, from: Data(json.utf8)) }
}
