/// One line of what `check` found.
public struct Finding: Sendable, Codable {
    /// How good it is.
    public enum Level: String, Sendable, Codable {
        case ok
        /// Works, but a person should know.
        case warning
        /// Keeps the relay from working.
        case failure
        /// The server cannot be reached, so nothing else could be looked at.
        case unreachable
    }
    public var level: Level
    /// What was looked at: `mongodb`, `oplog`, `destination.default`.
    public var subject: String
    /// A sentence.
    public var message: String

    /// A finding.
    public init(_ level: Level, _ subject: String, _ message: String) {
        self.level = level
        self.subject = subject
        self.message = message
    }
}
