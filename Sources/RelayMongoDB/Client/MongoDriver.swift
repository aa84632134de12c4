import CMongoC
import Logging

/// The driver's process-wide set-up.
enum MongoDriver {
    /// Runs once: starts the driver and sends what it has to say to the log, instead of plain text on stderr.
    static let initialise: Void = {
        relay_mongo_init { level, domain, message in
            // MONGOC_LOG_LEVEL_ERROR 0, CRITICAL 1, WARNING 2; the rest is of no use to a person.
            guard level <= 2, let message else { return }
            let text = String(cString: message)
            let domain = domain.map { String(cString: $0) } ?? "mongoc"
            Logger(label: "outbox-relay.mongodb").warning(
                "the MongoDB driver reports a problem",
                metadata: ["driver.domain": "\(domain)", "driver.message": "\(text)"])
        }
    }()
}
