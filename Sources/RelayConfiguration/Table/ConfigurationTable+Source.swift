extension ConfigurationTable {
    /// Where events come from.
    enum Source {
        static let kind = Setting<SourceKind>(
            "SOURCE_KIND", .choice, default: "outbox",
            "An outbox collection, arrays embedded in aggregate documents, or the changes of any collections.")
        static let collections = Setting(
            "SOURCE_COLLECTIONS", .collections, default: "outbox", separator: ",",
            "One for `outbox`, a list for the others, `*` for the whole database with `changes`.")
        static let capture = Setting<SourceCapture>(
            "SOURCE_CAPTURE", .choice, default: "stream", "A change stream, or queries again and again.")
        static let backlog = Setting<SourceBacklog>(
            "SOURCE_BACKLOG", .choice, default: "publish", in: .documents,
            "What happens to documents that are already there at the first start.")
        static let cleanup = Setting<SourceCleanup>(
            "SOURCE_CLEANUP", .choice, default: "none", in: .documents,
            "What happens to what every destination has settled: outbox documents are deleted, or get `settledAt`, for "
                + "a TTL index (`mark`); elements of embedded arrays can be deleted only.")
        static let rescanSlack = Setting(
            "SOURCE_RESCAN_SLACK", .duration(.zero ... .seconds(30 * 86_400)), default: "1h", in: .documents,
            "How far before the checkpoint a re-scan looks where nothing is cleaned up.")
        static let eventsPath = Setting(
            "SOURCE_EVENTS_PATH", .path, default: "outbox", in: .embedded, "The array in the aggregate document.")
        static let pollMax = Setting(
            "SOURCE_POLL_MAX", .duration(.milliseconds(10) ... .seconds(300)), default: "1s", in: .polling,
            "The longest wait between polls.")
        static let images = Setting<SourceImages>(
            "SOURCE_IMAGES", .choice, default: "lookup", in: .changes, "Which images of the document a change carries.")
        static let snapshot = Setting<SourceSnapshot>(
            "SOURCE_SNAPSHOT", .choice, default: "never", in: .changes, "`initial` publishes what exists first.")
        static let schemaVersions = Setting(
            "SOURCE_SCHEMA_VERSIONS", .schemaVersions, default: "any", separator: ",",
            "Accepted schema versions; events of others, or of none, are dead-lettered.")
        static let json = Setting<JSONStyle>(
            "SOURCE_JSON", .choice, default: "plain",
            "BSON as JSON: what a web developer expects, or MongoDB Extended JSON v2.")
        static let onPoison = Setting<PoisonPolicy>(
            "SOURCE_ON_POISON", .choice, default: "deadletter", "What happens to a document that is no event.")
        static let onHistoryLost = Setting<HistoryLostPolicy>(
            "SOURCE_ON_HISTORY_LOST", .choice, none: "`rescan`, for `changes` `halt`",
            "The oplog no longer reaches back to the checkpoint: `rescan` publishes again from the collection what may "
                + "have been missed, `halt` names the gap and waits, `skip` records it and goes on.")
        static let onInvalidate = Setting<InvalidatePolicy>(
            "SOURCE_ON_INVALIDATE", .choice, default: "resume",
            "The collection was dropped or renamed: `resume` waits for it.")

        static let all =
            [kind.variable, collections.variable, capture.variable] + Field.all + [
                backlog.variable, cleanup.variable, rescanSlack.variable, eventsPath.variable, pollMax.variable,
                images.variable, snapshot.variable, schemaVersions.variable, json.variable, onPoison.variable,
                onHistoryLost.variable, onInvalidate.variable,
            ]
    }

    /// Names of the fields of an event's document. The defaults are those of Debezium's MongoDB outbox event router.
    enum Field {
        static let id = Setting(
            "SOURCE_FIELD_ID", .path, default: "_id", in: .documents, "The event's id; required in every document.")
        static let topic = Setting(
            "SOURCE_FIELD_TOPIC", .optionalPath, default: "aggregatetype", in: .documents,
            "Its topic; where it is missing, the collection's name.")
        static let key = Setting(
            "SOURCE_FIELD_KEY", .optionalPath, default: "aggregateid", in: .documents,
            "Its key, within which order holds; where it is missing, the event's own id (`embedded`: the document's).")
        static let type = Setting(
            "SOURCE_FIELD_TYPE", .path, default: "type", in: .documents, "Its type; required in every document.")
        static let payload = Setting(
            "SOURCE_FIELD_PAYLOAD", .path, default: "payload", in: .documents,
            "Its payload; required in every document.")
        static let headers = Setting(
            "SOURCE_FIELD_HEADERS", .optionalPath, default: "headers", in: .documents, "A document of its headers.")
        static let time = Setting(
            "SOURCE_FIELD_TIME", .optionalPath, default: "occurredAt", in: .documents, "When it occurred.")
        static let schemaVersion = Setting(
            "SOURCE_FIELD_SCHEMA_VERSION", .optionalPath, default: "schemaVersion", in: .documents,
            "The version of its payload's schema.")
        static let traceparent = Setting(
            "SOURCE_FIELD_TRACEPARENT", .optionalPath, default: "traceparent", in: .documents,
            "Its W3C trace context.")
        static let sequence = Setting(
            "SOURCE_FIELD_SEQUENCE", .path, none: "none", in: .outbox,
            "A number that grows with each event of a key (the aggregate's version): makes the order of a backlog, "
                + "which no change stream can tell any more, exact.")

        static let all = [
            id.variable, topic.variable, key.variable, type.variable, payload.variable, headers.variable,
            time.variable, schemaVersion.variable, traceparent.variable, sequence.variable,
        ]
    }
}
