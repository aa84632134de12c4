/// What becomes of settled documents, as `/status` shows it.
public struct CleanupSnapshot: Sendable, Equatable {
    /// What the cleaner does now.
    public enum State: String, Sendable, CaseIterable, Codable {
        /// `SOURCE_CLEANUP=none`.
        case off
        /// Waiting for servers at the start.
        case starting
        /// Another relay on the same collection cleans.
        case standby
        /// Everything that is settled is cleaned up, or is being so.
        case active
        /// A pipeline keeps what it has not settled from being cleaned up.
        case blocked
        /// The last attempt failed.
        case failing
    }

    /// `none`, `delete` or `mark`.
    public var mode: String
    public var state: State
    /// Who keeps documents from being cleaned up and why, a sentence each; of the relay that cleans only.
    public var blockedBy: [String] = []
    /// Documents (of embedded arrays, elements) cleaned up by this process.
    public var cleaned: Int64 = 0
    /// The last failure, and when, in Unix seconds.
    public var lastError: String?
    public var lastErrorAt: Double?

    /// Nothing done yet.
    public init(mode: String, state: State) {
        self.mode = mode
        self.state = state
    }

    /// Whether this relay is the one that cleans, so that it knows what is in the way.
    public var knowsBlockers: Bool { state == .active || state == .blocked || state == .failing }

    /// No cleaning.
    public static var off: CleanupSnapshot { CleanupSnapshot(mode: "none", state: .off) }
}
