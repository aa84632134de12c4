import Foundation

@testable import RelayConfiguration

/// The shortest configuration that is complete.
let minimal = [
    "MONGODB_URI": "mongodb://mongo:27017/shop?replicaSet=rs0",
    "DESTINATION_URL": "postgres://relay:hunter2@pg/events",
]

/// Values of every variable that are right and wrong in form and range.
struct Sample {
    let name: String
    let good: [String]
    let bad: [String]

    static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    static let signingKey =
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    static let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    static let key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"

    private static func duration(_ name: String, _ good: [String], _ outside: [String]) -> Sample {
        Sample(
            name: name, good: good, bad: outside + ["", "15", "s", "1.5s", "-1s", "1h30m", "15 s", "99999999999999d"])
    }

    private static func size(_ name: String, _ good: [String], _ outside: [String]) -> Sample {
        Sample(name: name, good: good, bad: outside + ["", "65536", "64kb", "-1MiB", "1.5MiB", "99999999999GiB"])
    }

    private static func count(_ name: String, _ good: [String], _ outside: [String]) -> Sample {
        Sample(name: name, good: good, bad: outside + ["", "many", "1.5", "0x10", "+1", "99999999999999999999"])
    }

    private static func choice(_ name: String, _ words: String...) -> Sample {
        Sample(name: name, good: words, bad: ["", "nonsense", words[0].uppercased(), words[0] + " "])
    }

    private static func path(_ name: String, orEmpty: Bool = false) -> Sample {
        Sample(
            name: name, good: ["x", "meta.id"] + (orEmpty ? [""] : []),
            bad: [".x", "x.", "a..b", "$x", "a b"] + (orEmpty ? [] : [""]))
    }

    static let all: [Sample] = relay + source + destination + webhook

    private static let relay: [Sample] = [
        Sample(
            name: "RELAY_NAME", good: ["shop", "shop.outbox"], bad: ["", "a\nb", String(repeating: "x", count: 201)]),
        Sample(name: "RELAY_CONFIG", good: ["/etc/relay.yaml"], bad: [""]),
        Sample(
            name: "RELAY_EVENT_SOURCE", good: ["/shop", "https://shop.example/events"], bad: ["", "a b", "ü", "<x>"]),
        Sample(name: "RELAY_STATE_DATABASE", good: ["state"], bad: ["", "a/b", "a b", "admin", "local", "config"]),
        count("RELAY_BATCH_EVENTS", ["1", "100000"], ["0", "100001", "-1"]),
        size("RELAY_BATCH_BYTES", ["64KiB", "65536B", "64MiB"], ["63KiB", "65MiB"]),
        duration("RELAY_BATCH_LINGER", ["0ms", "10s"], ["10001ms"]),
        size("RELAY_BUFFER_BYTES", ["4MiB", "16GiB"], ["3MiB", "17GiB"]),
        duration("RELAY_LEASE_TTL", ["1s", "5m"], ["999ms", "301s"]),
        Sample(
            name: "RELAY_HTTP_HOST", good: ["::", "0.0.0.0", "localhost", "fe80::1%eth0"], bad: ["", "a b", "x/y"]),
        count("RELAY_HTTP_PORT", ["0", "9808", "65535"], ["-1", "65536"]),
        choice("RELAY_LOG_LEVEL", "info", "trace", "debug", "notice", "warning", "error", "critical"),
        choice("RELAY_LOG_FORMAT", "json", "text"),
        duration("RELAY_SHUTDOWN_TIMEOUT", ["1s", "10m"], ["0s", "601s"]),
        Sample(
            name: "MONGODB_URI",
            good: ["mongodb://u:p%40@a:1,b:2,[::1]:3/db?w=majority", "mongodb+srv://c.example/db", "MONGODB://h/db"],
            bad: [
                "", "localhost", "http://h/db", "mongodb:///db", "mongodb://h:0/db", "mongodb://h:x/db",
                "mongodb://a,,b/db",
                "mongodb+srv://a,b/db", "mongodb+srv://a:1/db", "mongodb://u:p@q@h/db", "mongodb://u:p/q@h/db",
                "mongodb://u:%zz@h/db", "mongodb://[::1/db", "mongodb://h h/db",
            ]),
        Sample(
            name: "MONGODB_DATABASE", good: ["shop"],
            bad: ["", "a.b", "$x", "admin", String(repeating: "x", count: 64)]),
        Sample(
            name: "COMPENSATION_COLLECTION", good: ["undeliverable"], bad: ["", "system.x", "outbox_relay_x", "a$b"]),
        choice("COMPENSATION_EVENT", "true", "false"),
    ]

    private static let source: [Sample] =
        [
            choice("SOURCE_KIND", "outbox", "embedded", "changes"),
            Sample(
                name: "SOURCE_COLLECTIONS", good: ["events", "a, b", "*"],
                bad: ["", ",", "a,,b", "a,a", "*,a", "system.users", "outbox_relay_start", "a$b"]),
            choice("SOURCE_CAPTURE", "stream", "poll"),
            choice("SOURCE_BACKLOG", "publish", "skip"),
            choice("SOURCE_CLEANUP", "none", "delete", "mark"),
            duration("SOURCE_RESCAN_SLACK", ["0s", "30d"], ["31d"]),
            path("SOURCE_EVENTS_PATH"),
            duration("SOURCE_POLL_MAX", ["10ms", "5m"], ["9ms", "6m"]),
            choice("SOURCE_IMAGES", "none", "lookup", "post", "pre-and-post"),
            choice("SOURCE_SNAPSHOT", "never", "initial"),
            Sample(
                name: "SOURCE_SCHEMA_VERSIONS", good: ["any", "1-3,5", "7"], bad: ["", "1-", "-1", "3-1", "x", "1-2-3"]),
            choice("SOURCE_JSON", "plain", "relaxed", "canonical"),
            choice("SOURCE_ON_POISON", "deadletter", "halt"),
            choice("SOURCE_ON_HISTORY_LOST", "rescan", "halt", "skip"),
            choice("SOURCE_ON_INVALIDATE", "resume", "halt"),
            path("SOURCE_FIELD_SEQUENCE"),
        ]
        + ["ID", "TYPE", "PAYLOAD"].map { path("SOURCE_FIELD_" + $0) }
        + ["TOPIC", "KEY", "HEADERS", "TIME", "SCHEMA_VERSION", "TRACEPARENT"].map {
            path("SOURCE_FIELD_" + $0, orEmpty: true)
        }

    private static let destination: [Sample] = [
        Sample(
            name: "DESTINATIONS", good: ["ledger", "ledger, billing2"],
            bad: ["", ",", "a,", "Ledger", "2x", "a-b", "a,a", "url", "retry", "queue", "oauth", "é"]),
        Sample(
            name: "DESTINATION_URL",
            good: [
                "postgresql://u:p@a:1,b:2/db?sslmode=require", "postgres:///db?host=/run/pg",
                "postgres://u@h?dbname=db", "postgres://?service=events", "https://x.example/hook?a=1",
                "http://u:p%40@[::1]:8080", "HTTPS://X.example/%7Bid%7D", "http://127.0.0.1:1/",
            ],
            bad: [
                "", "pg", "mysql://h/db", "postgres://h:x/db", "postgres://h/db?x", "postgres://u:hunter2@h",
                "postgres://u:hunter2@h/", "postgres://h/?sslmode=require", "https:///x", "http://h/x#f",
                "https://a,b/",
                "https://h:0/", "https://u:hunter2@h/{id}", "https://h/é", "https://é.example/", "https://h/?q=<x>",
                "http://[fe80::1%25eth0]/",
            ]),
        Sample(name: "DESTINATION_TOPICS", good: ["*", "order*, invoice.?"], bad: ["", "a,,b", "a,a"]),
        Sample(name: "DESTINATION_TYPES", good: ["*", "*Created"], bad: ["", ","]),
        choice(
            "DESTINATION_QUEUE", "native", "pgmq", "pgq", "procrastinate", "pgqueuer", "oban", "river",
            "graphile_worker",
            "pg_boss", "absurd", "sql"),
        Sample(name: "DESTINATION_QUEUE_NAME", good: ["q", "events_{topic}"], bad: ["", "{id}", "a}"]),
        Sample(name: "DESTINATION_JOB_NAME", good: ["{type}.{key}"], bad: ["", "{"]),
        count("DESTINATION_JOB_PRIORITY", ["-32768", "0", "32767"], ["32768"]),
        Sample(name: "DESTINATION_SQL", good: ["INSERT INTO t\nSELECT * FROM events"], bad: [""]),
        Sample(
            name: "DESTINATION_SCHEMA", good: ["outbox_relay", "_x1"],
            bad: ["", "1x", "Events", "a-b", "pg_x", "information_schema", String(repeating: "x", count: 64)]),
        choice("DESTINATION_PAYLOAD_TYPE", "json", "jsonb", "bytea"),
        duration("DESTINATION_RETENTION", ["1h", "3650d"], ["59m", "3651d"]),
        duration("DESTINATION_RETENTION_MAX", ["1h", "3650d"], ["59m", "3651d"]),
        choice("DESTINATION_AUTO_SETUP", "true", "false"),
        count("DESTINATION_PARTITIONS", ["1", "64"], ["0", "65"]),
        size("DESTINATION_CLAIM_CHECK", ["1KiB", "16MiB"], ["1023B", "17MiB"]),
    ]

    private static let webhook: [Sample] = [
        choice("DESTINATION_FORMAT", "cloudevents", "cloudevents-binary", "cloudevents-batch", "standard", "raw"),
        Sample(
            name: "DESTINATION_SECRET", good: [secret, secret + "  " + signingKey, "\(signingKey)\n\(secret)"],
            bad: [
                "", " ", "hunter2", "whsec_hunter2", "whsec_aHVudGVyMg==", "whsk_aHVudGVyMg==", secret + " hunter2",
                "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
            ]),
        Sample(
            name: "DESTINATION_HEADERS", good: ["X-Key: hunter2", "A: 1\nB: 2", "A:\n\nA: 2"],
            bad: [
                "", "\n", "hunter2", "X Y: hunter2", ": hunter2", "Host: hunter2", "Webhook-Id: hunter2",
                "User-Agent: hunter2", "CE-Id: hunter2", "TE: hunter2", "A: hünter2",
                "A: " + String(repeating: "x", count: 4 << 10),
            ]),
        Sample(name: "DESTINATION_TLS_CA", good: [pem, pem + "\n\n" + pem], bad: ["", "/etc/ca.pem", key]),
        Sample(name: "DESTINATION_TLS_CERT", good: [pem], bad: ["", "/etc/cert.pem", key]),
        Sample(
            name: "DESTINATION_TLS_KEY",
            good: [key, "-----BEGIN EC PRIVATE KEY-----\nx\n-----END EC PRIVATE KEY-----"],
            bad: [
                "", "hunter2", pem,
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nhunter2\n-----END ENCRYPTED PRIVATE KEY-----",
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nhunter2\n-----END RSA PRIVATE KEY-----",
            ]),
        Sample(
            name: "DESTINATION_OAUTH_TOKEN_URL", good: ["https://id.example/token"],
            bad: ["", "id.example", "ftp://x/", "https://u:hunter2@id.example/", "https://id.example/#x"]),
        Sample(name: "DESTINATION_OAUTH_CLIENT_ID", good: ["relay"], bad: ["", "a\nb"]),
        Sample(name: "DESTINATION_OAUTH_CLIENT_SECRET", good: ["hunter2"], bad: ["", "hunter2\n\n"]),
        Sample(name: "DESTINATION_OAUTH_SCOPE", good: ["events write"], bad: [""]),
        choice("DESTINATION_COMPRESSION", "none", "gzip"),
        count("DESTINATION_RATE", ["1", "100000"], ["0", "100001"]),
        duration("DESTINATION_TIMEOUT", ["100ms", "5m"], ["99ms", "6m"]),
        count("DESTINATION_CONCURRENCY", ["1", "1024"], ["0", "1025"]),
        choice("DESTINATION_ORDERING", "key", "none"),
        duration("DESTINATION_RETRY_FIRST", ["10ms", "1h"], ["9ms", "2h"]),
        duration("DESTINATION_RETRY_MAX", ["10ms", "24h"], ["9ms", "25h"]),
        duration("DESTINATION_RETRY_FOR", ["1s", "30d"], ["999ms", "31d"]),
        size("DESTINATION_SPOOL_BYTES", ["1MiB", "1024GiB"], ["1023KiB", "1025GiB"]),
    ]
}

/// A folder that goes when the last reference does.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "relay-configuration-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a new file.
    func file(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }
}

/// The problems of a configuration; empty where it is right.
func problems(_ environment: [String: String], file: String? = nil) -> [ConfigurationProblem] {
    do {
        _ = try RelaySettings.load(environment: environment, configFile: file)
        return []
    } catch {
        return error.problems
    }
}

/// `minimal` with more.
func environment(_ more: [String: String]) -> [String: String] {
    minimal.merging(more) { $1 }
}
