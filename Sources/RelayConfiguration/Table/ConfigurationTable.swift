/// Every variable of the relay, in one place. Parsing, the search for unknown variables, the `config` command and the
/// documentation are all made from it.
public enum ConfigurationTable {
    /// All variables in the order of the documentation.
    public static let variables: [ConfigurationVariable] =
        Relay.all + MongoDB.all + Source.all + Destination.all + Compensation.all

    /// Begins the names in which an unknown one is a mistake and not somebody else's.
    static let prefixes = ["RELAY_", "SOURCE_", "DESTINATION", "COMPENSATION_"]
}

extension ConfigurationTable {
    /// The relay itself.
    enum Relay {
        static let name = Setting(
            "RELAY_NAME", .line(200), none: "`<database>.<collections>`",
            "Identity: namespaces lease, checkpoint and metrics, so that several services can share a database.")
        static let config = Setting(
            "RELAY_CONFIG", .line(4096), none: "none", yaml: false, "The YAML file to read; `--config` goes before it.")
        static let eventSource = Setting(
            "RELAY_EVENT_SOURCE", .uriReference, none: "`/<database>/<collection>`",
            "CloudEvents `source`; of several collections, `/<database>`.")
        static let stateDatabase = Setting(
            "RELAY_STATE_DATABASE", .database, none: "`MONGODB_DATABASE`",
            "The MongoDB database of the `outbox_relay_*` collections.")
        static let batchEvents = Setting(
            "RELAY_BATCH_EVENTS", .integer(1...100_000), default: "2000", "Events in one batch at most.")
        static let batchBytes = Setting(
            "RELAY_BATCH_BYTES", .size(64 << 10...64 << 20), default: "4MiB",
            "Bytes at which a batch is full; not above `RELAY_BUFFER_BYTES`.")
        static let batchLinger = Setting(
            "RELAY_BATCH_LINGER", .duration(.zero ... .seconds(10)), default: "0ms",
            "How long a batch that is not full waits for more.")
        static let bufferBytes = Setting(
            "RELAY_BUFFER_BYTES", .size(4 << 20...16 << 30), default: "32MiB",
            "What all pipelines together may hold. The process stays under 64 MiB, plus this, plus 8 times the "
                + "largest document in flight.")
        static let leaseTTL = Setting(
            "RELAY_LEASE_TTL", .duration(.seconds(1) ... .seconds(300)), default: "10s",
            "A crashed leader is replaced within this and 2 s.")
        static let httpHost = Setting(
            "RELAY_HTTP_HOST", .host, default: "::",
            "Where health, metrics and status listen. `::` serves IPv4 as well, and IPv4 alone where there is no IPv6.")
        static let httpPort = Setting(
            "RELAY_HTTP_PORT", .integer(0...65535), default: "9808",
            "Their port; `0` takes any free one. Not 8080: the containers of a pod share their ports.")
        static let logLevel = Setting<LogLevel>(
            "RELAY_LOG_LEVEL", .choice, default: "info",
            "The least severe messages written; `--log-level` goes before it.")
        static let logFormat = Setting<LogFormat>(
            "RELAY_LOG_FORMAT", .choice, default: "json", "`json` is one object a line, `text` is for people.")
        static let shutdownTimeout = Setting(
            "RELAY_SHUTDOWN_TIMEOUT", .duration(.seconds(1) ... .seconds(600)), default: "25s",
            "After SIGTERM: stop reading, settle what is in flight, save the checkpoint, release the lease, exit 0.")

        static let all = [
            name.variable, config.variable, eventSource.variable, stateDatabase.variable, batchEvents.variable,
            batchBytes.variable, batchLinger.variable, bufferBytes.variable, leaseTTL.variable, httpHost.variable,
            httpPort.variable, logLevel.variable, logFormat.variable, shutdownTimeout.variable,
        ]
    }

    /// The server that events come from.
    enum MongoDB {
        static let uri = Setting(
            "MONGODB_URI", .mongodb, none: "required", show: .uri,
            "Replica set, sharded cluster or (`SOURCE_CAPTURE=poll` only) standalone.")
        static let database = Setting(
            "MONGODB_DATABASE", .database, none: "from `MONGODB_URI`",
            "The database of the source; goes before the one in the URI's path.")

        static let all = [uri.variable, database.variable]
    }

    /// What becomes of events that were given up on.
    enum Compensation {
        static let collection = Setting(
            "COMPENSATION_COLLECTION", .collection, none: "off",
            "Dead-lettered events are also written to this collection of the source, for the service to compensate.")
        static let event = Setting(
            "COMPENSATION_EVENT", .boolean, default: "false",
            "Dead-lettered events are also sent to the other destinations, as `<type>.undeliverable`.")

        static let all = [collection.variable, event.variable]
    }
}
