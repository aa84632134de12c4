import CMongoC

/// Owns one `mongoc_client_t` and its session. Used on its connection's thread; only ``interrupt()`` may be called
/// from others.
final class MongoLink: @unchecked Sendable {
    // @unchecked: the connection's thread is the only one that runs commands; `relay_mongo_interrupt` is safe beside it.
    let link: UnsafeMutablePointer<relay_mongo_link>
    private(set) var session: OpaquePointer?

    /// Takes over an open link.
    init(_ link: UnsafeMutablePointer<relay_mongo_link>) { self.link = link }

    deinit {
        if let session { relay_mongo_end_session(session) }
        relay_mongo_close(link)
    }

    /// Starts the session unless there is one.
    func startSession() {
        if session == nil { session = relay_mongo_session(link) }
    }

    /// Breaks off whatever waits on a connection.
    func interrupt() { relay_mongo_interrupt(link) }
}
