/// Which events of a source a person wants delivered again.
public enum ReplaySelection: Sendable, Equatable, Codable {
    /// Those with these ids, as they go out.
    case ids([String])
    /// Those that occurred from `since` on and before `until`, in Unix milliseconds.
    case times(since: Int64, until: Int64)
}

/// Some of the events of a selection, read from the source as it is now.
public struct ReplayPage: Sendable {
    /// The events; what is no event is among them as poison.
    public var batch: EventBatch
    /// Where the next page begins, as only the source understands it; nil behind the last.
    public var next: String?
    /// Ids that were asked for and are not there.
    public var missing: [String]

    /// A page.
    public init(batch: EventBatch, next: String?, missing: [String] = []) {
        self.batch = batch
        self.next = next
        self.missing = missing
    }
}
