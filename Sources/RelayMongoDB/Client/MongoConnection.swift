import CMongoC
import Foundation
import Logging
import RelayCore

/// One `mongoc_client_t` on a thread of its own. Raw commands only: with `aggregate` and `getMore` sent by
/// ourselves it is known where a batch of a change stream ends, which the driver's own iteration hides.
package actor MongoConnection {
    private let thread: BlockingThread
    private let uri: String
    private let socketTimeout: Duration
    private var link: MongoLink?
    private let interruption = MongoInterruption()
    /// How long the call that is under way has been so.
    nonisolated let observed = ObservedCall()
    private var server: UInt32 = 0

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// A connection to be opened at its first use.
    /// - Parameter socketTimeout: the longest wait for one answer. Streams need a long one: a resume behind a
    ///   long stretch of other collections' writes has no intermediate answer.
    package init(uri: String, name: String, socketTimeout: Duration) {
        MongoDriver.initialise
        self.uri = uri
        self.socketTimeout = socketTimeout
        thread = BlockingThread(name: name)
    }

    deinit { thread.stop() }

    /// Forgets connection, session and server; the next command begins anew.
    package func reset() { dropLink() }

    /// Breaks off the call that is under way, from any task: it throws as if the network had failed.
    nonisolated func interrupt() {
        interruption.interrupt()
    }

    private func dropLink() {
        interruption.set(nil)
        link = nil
        server = 0
    }

    /// Runs a command on the primary (the same server until it fails) and returns the reply.
    /// - Throws: ``MongoFailure``.
    package func run(_ command: BSONDocument, on database: String, inSession: Bool = false) throws -> MongoReply {
        observed.begin()
        defer { observed.end() }
        let link = try open()
        if self.server == 0 {
            var answer = relay_mongo_reply()
            self.server = relay_mongo_select(link.link, &answer)
            if self.server == 0 { throw Self.failure(answer.domain, answer.code, answer.message) }
        }
        if inSession { link.startSession() }
        let (client, session, server) = (link.link, inSession ? link.session : nil, self.server)
        let answer = command.bytes.withUnsafeBufferPointer { bytes in
            var answer = relay_mongo_reply()
            relay_mongo_command(client, database, bytes.baseAddress, bytes.count, session, server, &answer)
            return answer
        }
        let reply = MongoReply(taking: answer.bytes, count: Int(answer.length))
        if answer.ok { return reply }
        var failure = Self.failure(answer.domain, answer.code, answer.message)
        failure.labels = Self.labels(reply)
        // A server that is no longer primary, or cannot be reached, is not asked again.
        if !failure.isFromServer || Self.wantsAnotherServer.contains(failure.code) { self.server = 0 }
        throw failure
    }

    /// Begins a transaction: what runs in the session from now on belongs to it.
    package func startTransaction() throws {
        let link = try open()
        link.startSession()
        guard let session = link.session else { throw Self.noSession }
        try finish { relay_mongo_start_transaction(session, $0) }
    }

    /// Commits the session's transaction with majority write concern.
    /// - Returns: the server's reply.
    @discardableResult
    package func commitTransaction() throws -> MongoReply {
        guard let session = link?.session else { throw Self.noSession }
        return try finish { relay_mongo_commit(session, $0) }
    }

    /// Undoes the session's transaction.
    package func abortTransaction() throws {
        guard let session = link?.session else { throw Self.noSession }
        try finish { relay_mongo_abort(session, $0) }
    }

    /// The UUID by which the server knows the session, which is started where there is none.
    package func sessionID() throws -> [UInt8] {
        let link = try open()
        link.startSession()
        var uuid = [UInt8](repeating: 0, count: 16)
        guard relay_mongo_session_id(link.session, &uuid) else { throw Self.noSession }
        return uuid
    }

    private static let noSession = MongoFailure(
        code: 0, isFromServer: false, message: "there is no session, or it went with its connection")

    @discardableResult
    private func finish(_ step: (UnsafeMutablePointer<relay_mongo_reply>) -> Void) throws -> MongoReply {
        var answer = relay_mongo_reply()
        step(&answer)
        let reply = MongoReply(taking: answer.bytes, count: Int(answer.length))
        if answer.ok { return reply }
        var failure = Self.failure(answer.domain, answer.code, answer.message)
        failure.labels = Self.labels(reply)
        throw failure
    }

    private static func labels(_ reply: MongoReply) -> Set<String> {
        Set((reply.document["errorLabels"]?.array ?? []).compactMap(\.string))
    }

    /// NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange, PrimarySteppedDown,
    /// ShutdownInProgress, NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary, HostUnreachable, HostNotFound.
    private static let wantsAnotherServer: Set<Int> = [10107, 11600, 11602, 189, 91, 13435, 13436, 6, 7]

    private func open() throws -> MongoLink {
        if let link { return link }
        var message: UnsafeMutablePointer<CChar>?
        let milliseconds = Int32(min(socketTimeout / .milliseconds(1), 86_400_000))
        guard let opened = relay_mongo_open(uri, milliseconds, &message) else {
            let text = message.map { String(cString: $0) } ?? "unknown reason"
            free(message)
            throw MongoFailure(code: 0, isFromServer: false, message: "MONGODB_URI cannot be used: \(text)")
        }
        let link = MongoLink(opened)
        self.link = link
        interruption.set(link)
        return link
    }

    private static func failure(
        _ domain: UInt32, _ code: UInt32, _ text: UnsafeMutablePointer<CChar>?
    ) -> MongoFailure {
        let message = text.map { String(cString: $0) } ?? "unknown reason"
        free(text)
        let isFromServer =
            domain == UInt32(MONGOC_ERROR_SERVER.rawValue)
            || domain == UInt32(MONGOC_ERROR_WRITE_CONCERN.rawValue)
        let isLogin = message.contains("Authentication failed") || message.contains("authentication failed")
        return MongoFailure(
            code: isLogin ? 18 : Int(code), isFromServer: isFromServer || isLogin, message: message)
    }
}
