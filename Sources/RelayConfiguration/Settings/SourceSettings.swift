/// Where events come from and how they are read.
public struct SourceSettings: Sendable, Hashable {
    /// What is read: an outbox collection, embedded arrays, or the changes of any collection.
    public internal(set) var kind: SourceKind
    /// The collections; `["*"]` is the whole database.
    public internal(set) var collections: [String]
    /// How new events are noticed.
    public internal(set) var capture: SourceCapture
    /// Where an event's parts lie in its document.
    public internal(set) var fields: SourceFields
    /// What happens to documents that are there already at the first start.
    public internal(set) var backlog: SourceBacklog
    /// What happens to settled outbox documents.
    public internal(set) var cleanup: SourceCleanup
    /// How far before the checkpoint a re-scan looks.
    public internal(set) var rescanSlack: Duration
    /// `embedded`: the array in the aggregate document.
    public internal(set) var eventsPath: String
    /// `poll`: the longest wait between polls.
    public internal(set) var pollMax: Duration
    /// `changes`: which images a change carries.
    public internal(set) var images: SourceImages
    /// `changes`: whether what exists is published first.
    public internal(set) var snapshot: SourceSnapshot
    /// Accepted schema versions.
    public internal(set) var schemaVersions: SchemaVersions
    /// How BSON becomes JSON.
    public internal(set) var json: JSONStyle
    /// What happens to a document that is no event.
    public internal(set) var onPoison: PoisonPolicy
    /// What happens when the oplog no longer reaches back to the checkpoint.
    public internal(set) var onHistoryLost: HistoryLostPolicy
    /// What happens when the collection is dropped or renamed.
    public internal(set) var onInvalidate: InvalidatePolicy

    /// Whether all collections of the database are watched.
    public var watchesWholeDatabase: Bool { collections == ["*"] }
}

/// Dotted paths of an event's parts in its document; nil where a part is not read at all.
public struct SourceFields: Sendable, Hashable {
    /// The event's id; required in every document.
    public internal(set) var id: String
    /// Its topic; where there is none, the collection's name.
    public internal(set) var topic: String?
    /// Its key; where there is none, the event's own id (`embedded`: the document's).
    public internal(set) var key: String?
    /// Its type; required in every document.
    public internal(set) var type: String
    /// Its payload; required in every document.
    public internal(set) var payload: String
    /// A document of its headers.
    public internal(set) var headers: String?
    /// When it occurred.
    public internal(set) var time: String?
    /// The version of its payload's schema.
    public internal(set) var schemaVersion: String?
    /// Its W3C trace context.
    public internal(set) var traceparent: String?
    /// A number that grows with each event of a key.
    public internal(set) var sequence: String?
}
