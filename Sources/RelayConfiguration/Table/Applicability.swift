/// Where a variable has an effect. Set where it has none, it is refused: what is configured must not be ignored.
/// The raw value is its name in the documentation.
public enum Applicability: String, Sendable, CaseIterable {
    /// Always.
    case everywhere = "everywhere"
    /// Where events are documents.
    case documents = "`SOURCE_KIND` `outbox` and `embedded`"
    /// Where they lie in an outbox collection.
    case outbox = "`SOURCE_KIND=outbox`"
    /// Where they lie in arrays of other documents.
    case embedded = "`SOURCE_KIND=embedded`"
    /// Where they are changes.
    case changes = "`SOURCE_KIND=changes`"
    /// Without change streams.
    case polling = "`SOURCE_CAPTURE=poll`"
    /// Destinations in PostgreSQL.
    case postgresql = "PostgreSQL"
    /// The relay's own queue.
    case nativeQueue = "`DESTINATION_QUEUE=native`"
    /// Other engines' queues.
    case otherQueues = "queue engines other than `native` and `sql`"
    /// The user's own statement.
    case ownStatement = "`DESTINATION_QUEUE=sql`"
    /// Destinations over HTTP.
    case webhook = "webhooks"
    /// Changes that go over HTTP.
    case changesToWebhook = "`SOURCE_KIND=changes` to a webhook"

    /// Whether it holds for `source` and, of a destination's option, for `destination`.
    func holds(for source: SourceSettings, _ destination: DestinationSettings?) -> Bool {
        let isPostgreSQL = destination?.kind == .postgresql
        return switch self {
        case .everywhere: true
        case .documents: source.kind != .changes
        case .outbox: source.kind == .outbox
        case .embedded: source.kind == .embedded
        case .changes: source.kind == .changes
        case .polling: source.capture == .poll
        case .postgresql: isPostgreSQL
        case .nativeQueue: isPostgreSQL && destination?.queue == .native
        case .otherQueues: isPostgreSQL && destination?.queue != .native && destination?.queue != .sql
        case .ownStatement: isPostgreSQL && destination?.queue == .sql
        case .webhook: destination?.kind == .webhook
        case .changesToWebhook: source.kind == .changes && destination?.kind == .webhook
        }
    }
}
