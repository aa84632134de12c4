import CPostgres
import Foundation
import RelayCore
import Synchronization

/// One connection to PostgreSQL on a thread of its own.
///
/// Every call has a deadline of its own, since libpq has none; what is under way can be broken off from any task
/// with ``interrupt()``. A connection on which anything but a plain server error happened is closed.
package actor PGConnection {
    private let thread: BlockingThread
    nonisolated let wakeup: PGWakeup
    private let url: String
    private var owned: PGHandle?
    private var handle: OpaquePointer? { owned?.pointer }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// A connection to be opened at its first use.
    /// - Parameter url: a `postgresql://` URI.
    package init(url: String, name: String) {
        self.url = url
        thread = BlockingThread(name: name)
        wakeup = PGWakeup()
    }

    deinit { thread.stop() }

    /// Breaks off what is under way: it throws, and the connection is closed.
    nonisolated func interrupt() { wakeup.signal() }

    /// Whether the connection is open as far as is known.
    var isOpen: Bool { handle != nil }

    /// Closes the connection.
    package func close() {
        owned = nil
    }

    /// Opens the connection unless it is open.
    func open(within timeout: Duration = .seconds(5)) throws {
        if handle != nil { return }
        wakeup.clear()
        let deadline = ContinuousClock.now + timeout
        let keywords = [
            "dbname", "fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval",
            "keepalives_count", "tcp_user_timeout", "client_encoding",
        ]
        let values = [url, "outbox-relay", "1", "10", "5", "4", "30000", "UTF8"]
        let connection = withCStrings(keywords) { keywords in
            withCStrings(values) { values in PQconnectStartParams(keywords, values, 1) }
        }
        guard let connection else { throw RelayError(.unavailable, "no memory for a connection", isRetriable: true) }
        owned = PGHandle(connection)
        do {
            var next = PGRES_POLLING_WRITING
            while true {
                if PQstatus(connection) == CONNECTION_BAD { throw connectFailure() }
                try wait(for: next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until: deadline, doing: "connecting")
                next = PQconnectPoll(connection)
                if next == PGRES_POLLING_OK { break }
                if next == PGRES_POLLING_FAILED { throw connectFailure() }
            }
            PQsetnonblocking(connection, 1)
            PQsetNoticeProcessor(connection, { _, _ in }, nil)
        } catch {
            close()
            throw error
        }
    }

    /// Runs one statement in a transaction of its own.
    package func query(_ statement: PGStatement, within timeout: Duration = .seconds(10)) throws -> PGRows {
        try pipeline([statement], within: timeout)[0]
    }

    /// Sends all statements at once and reads all answers: one round trip. If one fails, so do all after it; what
    /// they did before is undone unless a `COMMIT` stood in between.
    package func pipeline(_ statements: [PGStatement], within timeout: Duration = .seconds(60)) throws -> [PGRows] {
        try guarded(within: timeout) { connection, deadline in
            guard PQenterPipelineMode(connection) == 1 else { throw broken("entering pipeline mode") }
            for statement in statements { try send(statement) }
            guard PQpipelineSync(connection) == 1 else { throw broken("sending statements") }
            try flush(until: deadline)
            var answers: [PGRows] = []
            var failure: RelayError?
            for _ in statements {
                // Each statement's results end with a null.
                while let result = try nextResult(until: deadline) {
                    defer { PQclear(result) }
                    switch PQresultStatus(result) {
                    case PGRES_TUPLES_OK, PGRES_COMMAND_OK: answers.append(Self.rows(of: result))
                    case PGRES_PIPELINE_ABORTED: break
                    default: if failure == nil { failure = Self.failure(of: result) }
                    }
                }
            }
            guard let sync = try nextResult(until: deadline), PQresultStatus(sync) == PGRES_PIPELINE_SYNC else {
                throw broken("reading answers")
            }
            PQclear(sync)
            guard PQexitPipelineMode(connection) == 1 else { throw broken("leaving pipeline mode") }
            if let failure {
                try rollBackIfNeeded(until: deadline)
                throw failure
            }
            return answers
        }
    }

    /// `BEGIN` and `before` in one round trip, then `COPY … FROM STDIN` of `data`, then `after` and `COMMIT`.
    func copy(
        _ sql: String, _ data: SendableArena, after before: [PGStatement], then after: [PGStatement],
        within timeout: Duration = .seconds(120)
    ) throws {
        _ = try pipeline([PGStatement("BEGIN")] + before, within: timeout)
        try guarded(within: timeout) { connection, deadline in
            guard PQsendQuery(connection, sql) == 1 else { throw broken("starting COPY") }
            try flush(until: deadline)
            guard let start = try nextResult(until: deadline) else { throw broken("starting COPY") }
            let status = PQresultStatus(start)
            let refusal = status == PGRES_COPY_IN ? nil : Self.failure(of: start)
            PQclear(start)
            if let refusal {
                try drain(until: deadline)
                try rollBackIfNeeded(until: deadline)
                throw refusal
            }
            try feed(data.arena, until: deadline)
            var failure: RelayError?
            while let result = try nextResult(until: deadline) {
                if PQresultStatus(result) != PGRES_COMMAND_OK, failure == nil { failure = Self.failure(of: result) }
                PQclear(result)
            }
            if let failure {
                try rollBackIfNeeded(until: deadline)
                throw failure
            }
        }
        _ = try pipeline(after + [PGStatement("COMMIT")], within: timeout)
    }

    /// Runs a text of several statements, outside of pipeline mode.
    package func script(_ sql: String, within timeout: Duration = .seconds(60)) throws {
        try guarded(within: timeout) { connection, deadline in
            guard PQsendQuery(connection, sql) == 1 else { throw broken("sending a script") }
            try flush(until: deadline)
            var failure: RelayError?
            while let result = try nextResult(until: deadline) {
                if PQresultStatus(result) == PGRES_FATAL_ERROR, failure == nil { failure = Self.failure(of: result) }
                PQclear(result)
            }
            if let failure {
                try rollBackIfNeeded(until: deadline)
                throw failure
            }
        }
    }

    // MARK: - The pieces

    /// Runs `body` on an open connection; closes it after anything but a plain error of the server.
    private func guarded<Answer>(
        within timeout: Duration, _ body: (OpaquePointer, ContinuousClock.Instant) throws -> Answer
    ) throws -> Answer {
        let deadline = ContinuousClock.now + timeout
        try open(within: min(timeout, .seconds(5)))
        guard let handle else { throw RelayError(.unavailable, "PostgreSQL is not connected", isRetriable: true) }
        do {
            return try body(handle, deadline)
        } catch let error as RelayError {
            // It may have been closed on the way.
            if let handle = self.handle,
                PQstatus(handle) == CONNECTION_BAD || PQpipelineStatus(handle) != PQ_PIPELINE_OFF
                    || PQtransactionStatus(handle) == PQTRANS_ACTIVE
            {
                close()
            }
            throw error
        }
    }

    private func send(_ statement: PGStatement) throws {
        let count = statement.parameters.count
        var types = [Oid](repeating: 0, count: count)
        var lengths = [Int32](repeating: 0, count: count)
        var formats = [Int32](repeating: 0, count: count)
        var texts: [[CChar]] = []
        var offsets: [Int: Int] = [:]
        for (index, parameter) in statement.parameters.enumerated() {
            switch parameter {
            case .null: break
            case .text(let text):
                offsets[index] = texts.count
                texts.append(Array(text.utf8CString))
            case .binary(let type, let bytes):
                types[index] = type
                formats[index] = 1
                lengths[index] = Int32(bytes.count)
            }
        }
        let sent = Self.withPointers(statement.parameters, texts, offsets) { values in
            PQsendQueryParams(handle, statement.sql, Int32(count), types, values, lengths, formats, 0)
        }
        guard sent == 1 else { throw broken("sending a statement") }
    }

    private static func withPointers<Answer>(
        _ parameters: [PGParameter], _ texts: [[CChar]], _ offsets: [Int: Int],
        _ body: ([UnsafePointer<CChar>?]) -> Answer
    ) -> Answer {
        func next(_ index: Int, _ values: inout [UnsafePointer<CChar>?]) -> Answer {
            guard index < parameters.count else { return body(values) }
            switch parameters[index] {
            case .null:
                values.append(nil)
                return next(index + 1, &values)
            case .text:
                return texts[offsets[index]!].withUnsafeBufferPointer { buffer in
                    values.append(buffer.baseAddress)
                    return next(index + 1, &values)
                }
            case .binary(_, let bytes):
                return bytes.withUnsafeBytes { buffer in
                    // An empty value needs a non-null pointer: null would be SQL's NULL.
                    values.append(buffer.baseAddress?.assumingMemoryBound(to: CChar.self) ?? emptyValue)
                    return next(index + 1, &values)
                }
            }
        }
        var values: [UnsafePointer<CChar>?] = []
        return next(0, &values)
    }

    // Never written to and never freed.
    nonisolated(unsafe) private static let emptyValue: UnsafePointer<CChar> = {
        let pointer = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        pointer.pointee = 0
        return UnsafePointer(pointer)
    }()

    private func feed(_ data: ByteArena, until deadline: ContinuousClock.Instant) throws {
        let bytes = data.bytes
        var offset = 0
        // Pieces, so that libpq's own buffer stays small and the server works while we send.
        while offset < bytes.count {
            let size = min(256 << 10, bytes.count - offset)
            let pointer = (bytes.baseAddress! + offset).assumingMemoryBound(to: CChar.self)
            switch PQputCopyData(handle, pointer, Int32(size)) {
            case 1:
                offset += size
                try flush(until: deadline)
            case 0: try wait(for: POLLOUT, until: deadline, doing: "sending rows")
            default: throw broken("sending rows")
            }
        }
        while true {
            let ended = PQputCopyEnd(handle, nil)
            if ended == 1 { break }
            if ended < 0 { throw broken("ending COPY") }
            try wait(for: POLLOUT, until: deadline, doing: "ending COPY")
        }
        try flush(until: deadline)
    }

    private func flush(until deadline: ContinuousClock.Instant) throws {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                // The server may have to be read from before it reads on.
                try wait(for: POLLIN | POLLOUT, until: deadline, doing: "sending")
                if PQconsumeInput(handle) == 0 { throw broken("sending") }
            default: throw broken("sending")
            }
        }
    }

    private func nextResult(until deadline: ContinuousClock.Instant) throws -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            try wait(for: POLLIN, until: deadline, doing: "waiting for an answer")
            if PQconsumeInput(handle) == 0 { throw broken("waiting for an answer") }
        }
        return PQgetResult(handle)
    }

    private func drain(until deadline: ContinuousClock.Instant) throws {
        while let result = try nextResult(until: deadline) { PQclear(result) }
    }

    private func rollBackIfNeeded(until deadline: ContinuousClock.Instant) throws {
        guard PQtransactionStatus(handle) != PQTRANS_IDLE else { return }
        guard PQsendQuery(handle, "ROLLBACK") == 1 else { throw broken("rolling back") }
        try flush(until: deadline)
        try drain(until: deadline)
    }

    private func wait(for events: Int32, until deadline: ContinuousClock.Instant, doing what: String) throws {
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { throw timedOut(what) }
        switch wakeup.poll(socket: PQsocket(handle), events: events, for: left) {
        case .ready: return
        case .timedOut: throw timedOut(what)
        case .interrupted:
            close()
            throw RelayError(.unavailable, "the work on PostgreSQL was broken off (\(what))", isRetriable: true)
        }
    }

    private func timedOut(_ what: String) -> RelayError {
        close()
        return RelayError(.unavailable, "PostgreSQL did not answer in time (\(what))", isRetriable: true)
    }

    private func broken(_ what: String) -> RelayError {
        let message = Self.firstLine(PQerrorMessage(handle))
        close()
        return RelayError(.unavailable, "the connection to PostgreSQL broke (\(what)): \(message)", isRetriable: true)
    }

    private func connectFailure() -> RelayError {
        RelayError(
            .unavailable, "cannot connect to PostgreSQL: \(Self.firstLine(PQerrorMessage(handle)))", isRetriable: true)
    }
}
