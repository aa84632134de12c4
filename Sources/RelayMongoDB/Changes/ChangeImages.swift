import RelayCore

/// Which images of a document a change carries (`SOURCE_IMAGES`).
public enum ChangeImages: String, Sendable {
    /// What the oplog holds: the document of an insert or replace, the changed fields of an update.
    case none
    /// The document as it is when the change is read, by then perhaps changed again or gone.
    case lookup
    /// The document right after the change (`changeStreamPreAndPostImages`, MongoDB 6.0).
    case post
    /// The document right before and right after.
    case preAndPost = "pre-and-post"

    /// Options of the stage `$changeStream`.
    var options: BSONDocument {
        switch self {
        case .none: [:]
        case .lookup: ["fullDocument": "updateLookup"]
        case .post: ["fullDocument": "whenAvailable"]
        case .preAndPost: ["fullDocument": "whenAvailable", "fullDocumentBeforeChange": "whenAvailable"]
        }
    }

    /// Whether collections have to keep images for it.
    var needsStoredImages: Bool { self == .post || self == .preAndPost }
}
