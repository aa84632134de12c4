/// Where events come from (`SOURCE_KIND`).
public enum SourceKind: String, Sendable, CaseIterable {
    /// Documents of one outbox collection.
    case outbox
    /// Arrays in the documents of aggregates.
    case embedded
    /// The changes of any collections.
    case changes
}

/// How new events are noticed (`SOURCE_CAPTURE`).
public enum SourceCapture: String, Sendable, CaseIterable {
    /// By a change stream.
    case stream
    /// By queries again and again: for standalone servers.
    case poll
}

/// What happens at the first start to documents that are there already (`SOURCE_BACKLOG`).
public enum SourceBacklog: String, Sendable, CaseIterable {
    /// They are published.
    case publish
    /// They are left alone.
    case skip
}

/// What happens to settled outbox documents (`SOURCE_CLEANUP`).
public enum SourceCleanup: String, Sendable, CaseIterable {
    /// They stay.
    case none
    /// They are deleted.
    case delete
    /// `settledAt` is set, for a TTL index.
    case mark
}

/// Which images of a document a change carries (`SOURCE_IMAGES`).
public enum SourceImages: String, Sendable, CaseIterable {
    /// None.
    case none
    /// The document as it is when the change is read.
    case lookup
    /// The document right after the change.
    case post
    /// The document right before and right after the change.
    case preAndPost = "pre-and-post"
}

/// Whether `changes` publishes what exists before what changes (`SOURCE_SNAPSHOT`).
public enum SourceSnapshot: String, Sendable, CaseIterable {
    /// Changes only.
    case never
    /// What exists first.
    case initial
}

/// How BSON is written as JSON (`SOURCE_JSON`).
public enum JSONStyle: String, Sendable, CaseIterable {
    /// What a web developer expects: numbers as numbers, dates and ids as strings.
    case plain
    /// MongoDB Extended JSON v2, relaxed.
    case relaxed
    /// MongoDB Extended JSON v2, canonical.
    case canonical
}

/// What happens to a document that is no event (`SOURCE_ON_POISON`).
public enum PoisonPolicy: String, Sendable, CaseIterable {
    /// It goes to the dead letters with its reason, and the rest goes on.
    case deadletter
    /// The pipeline stops and names it.
    case halt
}

/// What happens when the oplog no longer reaches back to the checkpoint (`SOURCE_ON_HISTORY_LOST`).
public enum HistoryLostPolicy: String, Sendable, CaseIterable {
    /// Publishes again from the collection what was not settled.
    case rescan
    /// Stops the pipeline and names the gap.
    case halt
    /// Records the gap and goes on.
    case skip
}

/// What happens when the collection is dropped or renamed (`SOURCE_ON_INVALIDATE`).
public enum InvalidatePolicy: String, Sendable, CaseIterable {
    /// Waits for the collection to come back.
    case resume
    /// Stops the pipeline.
    case halt
}

/// What a destination is; the scheme of its URL decides.
public enum DestinationKind: String, Sendable, CaseIterable {
    /// A queue in PostgreSQL.
    case postgresql
    /// An HTTP endpoint.
    case webhook
}

/// Whose queue contract is written (`DESTINATION_QUEUE`).
public enum QueueEngine: String, Sendable, CaseIterable {
    /// The relay's own log with consumer groups.
    case native
    /// pgmq.
    case pgmq
    /// PgQ.
    case pgq
    /// Procrastinate.
    case procrastinate
    /// PGQueuer.
    case pgqueuer
    /// Oban.
    case oban
    /// River.
    case river
    /// Graphile Worker.
    case graphileWorker = "graphile_worker"
    /// pg-boss.
    case pgBoss = "pg_boss"
    /// Absurd.
    case absurd
    /// The user's own statement (`DESTINATION_SQL`).
    case sql
}

/// The type of the native queue's payload column (`DESTINATION_PAYLOAD_TYPE`).
public enum PayloadType: String, Sendable, CaseIterable {
    /// The text as it was, checked to be JSON.
    case json
    /// Parsed: can be indexed, costs more to write.
    case jsonb
    /// The bytes as they were.
    case bytea
}

/// The body of a webhook (`DESTINATION_FORMAT`).
public enum WebhookFormat: String, Sendable, CaseIterable {
    /// CloudEvents 1.0, structured mode.
    case cloudevents
    /// CloudEvents 1.0, binary mode.
    case cloudeventsBinary = "cloudevents-binary"
    /// CloudEvents 1.0, batched mode.
    case cloudeventsBatch = "cloudevents-batch"
    /// Standard Webhooks: `type`, `timestamp`, `data`.
    case standard
    /// The payload alone.
    case raw
}

/// How a webhook's body is compressed (`DESTINATION_COMPRESSION`).
public enum WebhookCompression: String, Sendable, CaseIterable {
    /// Not at all.
    case none
    /// gzip (RFC 1952).
    case gzip
}

/// Which events wait for one another (`DESTINATION_ORDERING`).
public enum WebhookOrdering: String, Sendable, CaseIterable {
    /// Those of one key.
    case key
    /// None.
    case none
}

/// The least severe log messages that are written (`RELAY_LOG_LEVEL`).
public enum LogLevel: String, Sendable, CaseIterable {
    /// Every step of every batch.
    case trace
    /// What helps to find a fault.
    case debug
    /// What the relay does.
    case info
    /// What is rare and right.
    case notice
    /// What may need somebody's attention.
    case warning
    /// What failed.
    case error
    /// What stops the relay.
    case critical
}

/// How log messages are written (`RELAY_LOG_FORMAT`).
public enum LogFormat: String, Sendable, CaseIterable {
    /// One JSON object a line.
    case json
    /// For people.
    case text
}
