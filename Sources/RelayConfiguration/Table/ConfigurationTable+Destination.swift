extension ConfigurationTable {
    /// Where events go.
    enum Destination {
        static let names = Setting(
            "DESTINATIONS", .destinationNames, none: "one destination, named `default`", separator: ",", yaml: false,
            "Several destinations. Each takes all that follows as `DESTINATION_<NAME>_…`; in YAML they are the keys of "
                + "`destinations`.")
        static let url = Setting(
            "DESTINATION_URL", .destination, none: "required", show: .uri, shared: false,
            "Where to; the scheme says whether to PostgreSQL or to a webhook.")
        static let topics = Setting(
            "DESTINATION_TOPICS", .globs, default: "*", separator: ",",
            "Topics that go there; the rest is settled as filtered.")
        static let types = Setting(
            "DESTINATION_TYPES", .globs, default: "*", separator: ",",
            "Types that go there; the rest is settled as filtered.")
        static let partitions = Setting(
            "DESTINATION_PARTITIONS", .integer(1...64), default: "1",
            "Leases that share one destination's work by key.")
        static let claimCheck = Setting(
            "DESTINATION_CLAIM_CHECK", .size(1 << 10...16 << 20), none: "none",
            "Payloads above this size go out as a reference.")

        static let all =
            [names.variable, url.variable, topics.variable, types.variable] + Queue.all
            + [partitions.variable, claimCheck.variable] + Webhook.all
    }

    /// Options of a destination in PostgreSQL.
    enum Queue {
        static let engine = Setting<QueueEngine>(
            "DESTINATION_QUEUE", .choice, default: "native", in: .postgresql, "Which queue engine's contract to write.")
        static let queueName = Setting(
            "DESTINATION_QUEUE_NAME", .template(200), none: "by engine", in: .otherQueues, "The engine's queue.")
        static let jobName = Setting(
            "DESTINATION_JOB_NAME", .template(200), none: "by engine", in: .otherQueues,
            "The task or worker that runs the job.")
        static let jobPriority = Setting(
            "DESTINATION_JOB_PRIORITY", .integer(-32_768...32_767), none: "by engine", in: .otherQueues,
            "The job's priority, as the engine counts it.")
        static let sql = Setting(
            "DESTINATION_SQL", .block(64 << 10, "an `INSERT … SELECT … FROM events`"), none: "none", in: .ownStatement,
            "The statement that writes a batch.")
        static let schema = Setting(
            "DESTINATION_SCHEMA", .schema, default: "outbox_relay", in: .postgresql,
            "The schema of the native queue and of the relay's state.")
        static let payloadType = Setting<PayloadType>(
            "DESTINATION_PAYLOAD_TYPE", .choice, default: "json", in: .nativeQueue,
            "The type of the payload column. `jsonb` costs up to 1.9 times as much, reorders keys and refuses "
                + "`\\u0000`.")
        static let retention = Setting(
            "DESTINATION_RETENTION", .duration(.seconds(3600) ... .seconds(3650 * 86_400)), default: "7d",
            in: .nativeQueue, "Events are kept at least so long, and until every group has read them.")
        static let retentionMax = Setting(
            "DESTINATION_RETENTION_MAX", .duration(.seconds(3600) ... .seconds(3650 * 86_400)), default: "30d",
            in: .nativeQueue, "Events are dropped after this regardless, with a record of what a group lost.")
        static let autoSetup = Setting(
            "DESTINATION_AUTO_SETUP", .boolean, default: "true",
            "`run` creates what is missing: schema and tables in PostgreSQL, a webhook's collections in MongoDB.")

        static let all = [
            engine.variable, queueName.variable, jobName.variable, jobPriority.variable, sql.variable,
            schema.variable, payloadType.variable, retention.variable, retentionMax.variable, autoSetup.variable,
        ]
    }
}
