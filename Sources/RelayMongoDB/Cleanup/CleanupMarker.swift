/// Where cleaning an embedded array leaves its mark in the document, so that the source can tell our own `$pull`, which
/// brings the whole remaining array once more, from an update of the service's.
enum CleanupMarker {
    /// The document's field: a UUID, another with every pull.
    static let field = "outboxRelayCleaned"
}
