import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// One request and its answer.
///
/// Its methods are called on its connection's loop, but for ``end(_:)``; whoever is first brings the one result. What is
/// left of the answer then is read on for a short while, so that the connection can be used again, and given up with
/// the connection if it is long.
final class HTTPExchange: HTTPClientResponseDelegate, AttemptWatch.Entry {
    typealias Response = Void

    /// How much of an answer is wanted.
    enum Reading: Sendable {
        /// The status of a 2xx as soon as it is there, and the beginning of the body of any other answer.
        case verdict
        /// The body, up to so many bytes.
        case whole(upTo: Int)
    }

    /// An answer as far as it was wanted.
    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]
    }

    /// A failure, and how far the exchange had come.
    struct Failure: Error {
        let error: any Error
        /// Whether the request was given to a connection: if not, nothing was sent.
        var wasBegun = false
        /// Whether the connection had been used before, and nothing had come over it since the request.
        var mayBeStale = false
    }

    /// How it ended.
    enum Ending: Sendable {
        case answered(Answer)
        case failed(Failure)
        case ended(AttemptWatch.Reason, wasBegun: Bool)
    }

    /// Bytes of a body that are kept for people to see, and of one that are read for the sake of the connection.
    static let keptBytes = 1024
    static let drainedBytes = 64 << 10
    /// How long the body of an answer that is no success is waited for, and how long a rest is read.
    static let bodyTime = TimeAmount.seconds(2)
    static let drainTime = TimeAmount.milliseconds(500)

    fileprivate struct State {
        var continuation: CheckedContinuation<Ending, Never>?
        var task: HTTPClient.Task<Void>?
        var ticket: AttemptWatch.Ticket?
        var head: HTTPResponseHead?
        var body: [UInt8] = []
        var received = 0
        var wasBegun = false
        var note: ConnectionNote?
        /// Whether the request is to be broken off as soon as there is something to break off.
        var isUnwanted = false
        /// Why it was ended before it began.
        var endedEarly: AttemptWatch.Reason?
        var isOver = false
    }

    private let state = Mutex(State())
    private let reading: Reading
    private let watch: AttemptWatch
    private let lease: AddressClient.Lease

    private init(_ reading: Reading, _ lease: AddressClient.Lease, _ watch: AttemptWatch) {
        self.reading = reading
        self.lease = lease
        self.watch = watch
    }

    /// Sends a request and waits for what is wanted of its answer.
    ///
    /// - Parameter lease: the client that is used; it is released here.
    static func run(
        _ request: HTTPClient.Request, over lease: AddressClient.Lease, reading: Reading, watch: AttemptWatch,
        until deadline: NIODeadline, in round: Int
    ) async -> Ending {
        let exchange = HTTPExchange(reading, lease, watch)
        guard let ticket = watch.add(exchange, until: deadline, in: round) else {
            lease.release()
            return .ended(.cancelled, wasBegun: false)
        }
        return await withCheckedContinuation { continuation in
            let reason = exchange.state.withLock { state in
                state.ticket = ticket
                if state.endedEarly == nil { state.continuation = continuation }
                return state.endedEarly
            }
            if let reason {
                exchange.leave()
                return continuation.resume(returning: .ended(reason, wasBegun: false))
            }
            let task = lease.http.execute(
                request: request, delegate: exchange, eventLoop: .indifferent, deadline: nil, logger: nil)
            let isUnwanted = exchange.state.withLock { state in
                if !state.isOver || state.isUnwanted { state.task = task }
                return state.isUnwanted
            }
            if isUnwanted { task.cancel() }
        }
    }

    // MARK: - What async-http-client reports

    func didSendRequestHead(task: HTTPClient.Task<Void>, _ head: HTTPRequestHead) {
        let note = lease.notes.lastWriter
        note?.exchange = self
        state.withLock { state in
            state.wasBegun = true
            state.note = note
        }
    }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        state.withLock { $0.head = head }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ part: ByteBuffer) -> EventLoopFuture<Void> {
        let (resumption, goesOn) = state.withLock { state -> (Resumption?, Bool) in
            state.received += part.readableBytes
            let kept = bytesToKeep(of: state.head)
            if state.body.count < kept {
                state.body.append(contentsOf: part.readableBytesView.prefix(kept - state.body.count))
            }
            switch reading {
            case .whole(let most):
                guard state.received > most else { return (nil, true) }
                return (state.resume(.failed(state.failure(TransportFault.answerTooLarge))), false)
            case .verdict:
                let resumption = state.received >= Self.keptBytes ? state.resumeAnswered() : nil
                return (resumption, state.received <= Self.drainedBytes && (resumption == nil || drains(&state)))
            }
        }
        resumption?.resume()
        if goesOn { return task.eventLoop.makeSucceededVoidFuture() }
        return task.eventLoop.makeFailedFuture(TransportFault.restNotWanted)
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) throws {
        let resumption = state.withLock { state in
            state.note?.exchange = nil
            return state.resumeAnswered()
        }
        leave()
        resumption?.resume()
    }

    func didReceiveError(task: HTTPClient.Task<Void>, _ error: any Error) {
        let resumption = state.withLock { state -> Resumption? in
            state.note?.exchange = nil
            // With the headers of an answer its verdict is known, whatever its body does.
            if case .verdict = reading, state.head != nil { return state.resumeAnswered() }
            return state.resume(.failed(state.failure(error)))
        }
        leave()
        resumption?.resume()
    }

    // MARK: - The end

    /// Called when all that came in one packet with the headers was read, which mostly is all there is.
    func headWasRead() {
        guard case .verdict = reading else { return }
        let (resumption, unwanted) = state.withLock { state -> (Resumption?, HTTPClient.Task<Void>?) in
            guard !state.isOver, let head = state.head, let ticket = state.ticket else { return (nil, nil) }
            guard head.isSuccess else {
                watch.hasten(ticket, to: .now() + Self.bodyTime)
                return (nil, nil)
            }
            let resumption = state.resumeAnswered()
            if resumption == nil || drains(&state) { return (resumption, nil) }
            return (resumption, state.breakOff())
        }
        resumption?.resume()
        unwanted?.cancel()
    }

    func end(_ reason: AttemptWatch.Reason) {
        let (resumption, unwanted, isEarly) = state.withLock { state -> (Resumption?, HTTPClient.Task<Void>?, Bool) in
            guard state.ticket != nil else {
                state.endedEarly = reason
                return (nil, nil, true)
            }
            if case .verdict = reading, reason == .overdue, state.head != nil {
                return (state.resumeAnswered(), state.breakOff(), false)
            }
            return (state.resume(.ended(reason, wasBegun: state.wasBegun)), state.breakOff(), false)
        }
        if isEarly { return }
        unwanted?.cancel()
        leave()
        resumption?.resume()
    }

    private func bytesToKeep(of head: HTTPResponseHead?) -> Int {
        if case .whole(let most) = reading { return most }
        return head?.isSuccess == true ? 0 : Self.keptBytes
    }

    /// Whether what is left of the answer may be read.
    private func drains(_ state: inout State) -> Bool {
        guard let ticket = state.ticket else { return false }
        return watch.drain(ticket, until: .now() + Self.drainTime)
    }

    private func leave() {
        let ticket = state.withLock { state -> AttemptWatch.Ticket? in
            guard !state.isOver else { return nil }
            state.isOver = true
            state.task = nil
            return state.ticket
        }
        guard let ticket else { return }
        watch.remove(ticket)
        lease.release()
    }
}

/// A result on its way to who waits for it, to be handed over outside of the lock.
private struct Resumption {
    let continuation: CheckedContinuation<HTTPExchange.Ending, Never>
    let ending: HTTPExchange.Ending
    func resume() { continuation.resume(returning: ending) }
}

extension HTTPExchange.State {
    fileprivate mutating func resume(_ ending: HTTPExchange.Ending) -> Resumption? {
        continuation.take().map { Resumption(continuation: $0, ending: ending) }
    }

    fileprivate mutating func resumeAnswered() -> Resumption? {
        guard let head else { return nil }
        return resume(.answered(.init(status: Int(head.status.code), headers: head.headers, body: body)))
    }

    fileprivate mutating func breakOff() -> HTTPClient.Task<Void>? {
        isUnwanted = true
        return task
    }

    fileprivate func failure(_ error: any Error) -> HTTPExchange.Failure {
        let isUntouched = wasBegun && head == nil && note.map { $0.exchanges > 1 && $0.received == 0 } ?? false
        return HTTPExchange.Failure(error: error, wasBegun: wasBegun, mayBeStale: isUntouched)
    }
}

extension HTTPResponseHead {
    fileprivate var isSuccess: Bool { (200...299).contains(status.code) }
}
