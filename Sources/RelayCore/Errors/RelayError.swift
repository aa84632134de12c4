/// What went wrong, to what, and what to do about it, in words for the person who runs the relay.
///
/// The message never holds a payload or a secret.
public struct RelayError: Error, Sendable, CustomStringConvertible {
    /// A kind of failure. Open, so that a source or destination can add its own.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// A short name, safe as a metric label and a log field.
        public let description: String
        /// A code with the label `description`: lower case, words joined by hyphens.
        public init(_ description: String) { self.description = description }

        /// A server cannot be reached, or the connection to it broke.
        public static let unavailable = Code("unavailable")
        /// A server answered that it cannot do that now (disk full, read-only, shutting down).
        public static let refused = Code("refused")
        /// Another relay holds the lease, or this one's has ended: nothing was written.
        public static let fenced = Code("fenced")
        /// The server says that this user may not do that.
        public static let unauthorized = Code("unauthorized")
        /// The server cannot do what the relay needs (a standalone `mongod`, an old version).
        public static let unsupported = Code("unsupported")
        /// The position is no longer in the oplog.
        public static let historyLost = Code("history-lost")
        /// What may be parked to save the position in a source whose history passes is used up.
        public static let spoolFull = Code("spool-full")
        /// The checkpoint belongs to another cluster, or to a later time than the server's.
        public static let identity = Code("identity")
        /// A change event is larger than the server can send.
        public static let oversized = Code("oversized")
        /// The watched collection was dropped or renamed, and the relay was told to halt then.
        public static let invalidated = Code("invalidated")
        /// A document is no event, and the relay was told to halt then.
        public static let poison = Code("poison")
        /// A configuration value cannot work with what was found on the servers.
        public static let configuration = Code("configuration")
        /// A fault of the relay's own.
        public static let internalFault = Code("internal")
    }

    /// The kind of failure.
    public let code: Code
    /// A sentence: what happened, to what, what to do.
    public let message: String
    /// Whether the same may succeed later without a person's help. What may not halts the pipeline.
    public let isRetriable: Bool

    /// An error of kind `code`.
    public init(_ code: Code, _ message: String, isRetriable: Bool = false) {
        self.code = code
        self.message = message
        self.isRetriable = isRetriable
    }

    public var description: String { message }

    /// `error` as a ``RelayError``, so that every failure carries a kind.
    public static func wrapping(_ error: any Error) -> RelayError {
        (error as? RelayError) ?? RelayError(.internalFault, "\(error)", isRetriable: true)
    }
}
