import Testing

@testable import RelayConfiguration

@Suite struct ReviewTests {
    /// Contradictions, with the variable that is named. Some name a second one, of something not built yet.
    @Test(arguments: [
        (["SOURCE_COLLECTIONS": "a,b"], "SOURCE_COLLECTIONS", "several collections"),
        (["SOURCE_COLLECTIONS": "*"], "SOURCE_COLLECTIONS", "only for `changes`"),
        (["SOURCE_KIND": "embedded", "SOURCE_COLLECTIONS": "*"], "SOURCE_COLLECTIONS", "only for `changes`"),
        (["SOURCE_CAPTURE": "poll"], "SOURCE_CAPTURE", "SOURCE_CLEANUP is none"),
        (["SOURCE_CAPTURE": "poll", "SOURCE_KIND": "changes"], "SOURCE_CAPTURE", "seen by a stream only"),
        (["SOURCE_KIND": "embedded", "SOURCE_CLEANUP": "mark"], "SOURCE_CLEANUP", "can only be deleted"),
        (["SOURCE_KIND": "changes", "SOURCE_ON_HISTORY_LOST": "rescan"], "SOURCE_ON_HISTORY_LOST", "no collection"),
        (
            ["RELAY_BATCH_BYTES": "8MiB", "RELAY_BUFFER_BYTES": "4MiB"], "RELAY_BATCH_BYTES",
            "RELAY_BUFFER_BYTES is 4MiB"
        ),
        (["DESTINATION_RETENTION": "31d"], "DESTINATION_RETENTION", "DESTINATION_RETENTION_MAX is 30d"),
        (["DESTINATION_QUEUE": "sql"], "DESTINATION_QUEUE", "DESTINATION_SQL is nothing"),
        (["DESTINATION_SQL": "INSERT"], "DESTINATION_SQL", "`DESTINATION_QUEUE=sql` only"),
        (
            ["DESTINATION_CLAIM_CHECK": "1MiB", "SOURCE_CLEANUP": "delete"], "DESTINATION_CLAIM_CHECK",
            "documents that `delete` removes"
        ),
        (["COMPENSATION_COLLECTION": "outbox"], "COMPENSATION_COLLECTION", "own dead letters"),
        (["COMPENSATION_EVENT": "true"], "COMPENSATION_EVENT", "second destination"),
    ]) func contradiction(more: [String: String], variable: String, part: String) {
        let found = problems(environment(more))
        #expect(found.contains { $0.variable == variable && $0.sentence.contains(part) }, "\(found)")
    }

    @Test func whatWasRefusedContradictsNothing() {
        let found = problems(environment(["RELAY_BATCH_BYTES": "64MiB", "RELAY_BUFFER_BYTES": "1MiB"]))
        #expect(found.map(\.variable) == ["RELAY_BUFFER_BYTES"])
    }

    /// Each is right in form and belongs to what is not built: it is refused and named, and nothing else is.
    @Test(arguments: [
        ["DESTINATION_QUEUE": "pgmq"],
        ["DESTINATION_QUEUE": "river"], ["DESTINATION_PARTITIONS": "2"],
    ]) func unbuilt(more: [String: String]) {
        let found = problems(environment(more))
        #expect(found.map(\.variable) == Array(more.keys), "\(found)")
        #expect(found.first?.sentence == "asks for something that this version cannot do yet")
    }

    @Test func pollingIsUnbuiltAsWell() {
        let found = problems(environment(["SOURCE_CAPTURE": "poll", "SOURCE_CLEANUP": "delete"]))
        #expect(found.map(\.variable) == ["SOURCE_CAPTURE"])
    }

    @Test(arguments: [
        ("SOURCE_IMAGES", "post"), ("SOURCE_SNAPSHOT", "initial"), ("SOURCE_EVENTS_PATH", "x"),
        ("SOURCE_POLL_MAX", "1s"),
        ("DESTINATION_TIMEOUT", "15s"), ("DESTINATION_SECRET", Sample.secret), ("DESTINATION_QUEUE_NAME", "q"),
        ("DESTINATION_JOB_PRIORITY", "1"), ("DESTINATION_SPOOL_BYTES", "1GiB"), ("DESTINATION_FORMAT", "raw"),
    ]) func withoutEffect(name: String, value: String) {
        let found = problems(environment([name: value]))
        #expect(found.count == 1 && found[0].variable == name, "\(found)")
        #expect(found.first?.sentence.hasPrefix("has no effect here") == true)
    }

    @Test func aDefaultOfAllNeedsOneDestinationOfItsKind() {
        let mixed = [
            "MONGODB_URI": "mongodb://h/db", "DESTINATIONS": "a,b", "DESTINATION_A_URL": "postgres://h/db",
            "DESTINATION_B_URL": "https://x.example/", "DESTINATION_TIMEOUT": "1s", "DESTINATION_SCHEMA": "x",
        ]
        #expect(problems(mixed).isEmpty)
        let own = mixed.merging(["DESTINATION_A_TIMEOUT": "1s", "DESTINATION_B_SCHEMA": "x"]) { $1 }
        #expect(problems(own).map(\.variable) == ["DESTINATION_A_TIMEOUT", "DESTINATION_B_SCHEMA"])
        let queues = mixed.merging(["DESTINATION_B_URL": "postgres://h/other"]) { $1 }
        #expect(problems(queues).map(\.variable) == ["DESTINATION_TIMEOUT"])
    }

    /// All that is built, away from its defaults, is accepted.
    @Test func everythingBuilt() throws {
        let settings = try RelaySettings.load(
            environment: environment([
                "SOURCE_COLLECTIONS": "events", "SOURCE_BACKLOG": "skip", "SOURCE_JSON": "canonical",
                "SOURCE_SCHEMA_VERSIONS": "1-3,5", "SOURCE_ON_POISON": "halt", "SOURCE_ON_INVALIDATE": "halt",
                "SOURCE_ON_HISTORY_LOST": "halt", "SOURCE_FIELD_ID": "eventId", "SOURCE_FIELD_SEQUENCE": "meta.version",
                "DESTINATION_TOPICS": "order*", "DESTINATION_TYPES": "A,B", "DESTINATION_SCHEMA": "q",
                "DESTINATION_PAYLOAD_TYPE": "bytea", "DESTINATION_RETENTION": "1d", "DESTINATION_RETENTION_MAX": "2d",
                "DESTINATION_AUTO_SETUP": "false", "DESTINATION_PARTITIONS": "1", "RELAY_BATCH_LINGER": "50ms",
                "RELAY_HTTP_PORT": "0", "RELAY_LOG_FORMAT": "text", "RELAY_NAME": "x", "RELAY_STATE_DATABASE": "s",
            ]))
        #expect(settings.source.schemaVersions.description == "1-3,5")
        #expect(settings.source.schemaVersions.accepts(2) && settings.source.schemaVersions.accepts(5))
        #expect(!settings.source.schemaVersions.accepts(4) && !settings.source.schemaVersions.accepts(nil))
        #expect(SchemaVersions.any.accepts(nil) && SchemaVersions.any.accepts(9))
        #expect(settings.source.fields.sequence == "meta.version" && settings.eventSource == "/shop/events")
        #expect(settings.destinations[0].types == ["A", "B"] && settings.batchLinger == .milliseconds(50))
    }
}
