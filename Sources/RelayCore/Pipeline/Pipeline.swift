import Logging
import Synchronization

/// One source to one destination: waits for the lease, reads, delivers, remembers, and begins anew after
/// whatever fails.
///
/// Its decisions are few on purpose. After any failure of a delivery nothing in memory is trusted: the stored
/// checkpoint is read again and the source is reopened there, so an unanswered commit is either seen or
/// repeated from the beginning, never guessed.
public final class Pipeline: Sendable {
    /// What a pipeline is made of.
    public struct Parts: Sendable {
        public var name: String
        public var source: any Source
        public var destination: any Destination
        public var store: any StateStore
        public var filter: EventFilter
        /// Nil sends every payload whole.
        public var claimCheck: ClaimCheck?
        public var limits: BatchLimits
        public var leaseTTL: Duration
        /// Where it tells up to where it has settled; nil where nobody asks.
        public var registration: (any PipelineRegistration)?
        /// What hands dead letters on; nil for nothing.
        public var compensator: Compensator?

        /// The parts of the pipeline `name`.
        public init(
            name: String, source: any Source, destination: any Destination, store: any StateStore,
            filter: EventFilter, claimCheck: ClaimCheck? = nil, limits: BatchLimits, leaseTTL: Duration,
            registration: (any PipelineRegistration)? = nil,
            compensator: Compensator? = nil
        ) {
            self.name = name
            self.source = source
            self.destination = destination
            self.store = store
            self.filter = filter
            self.claimCheck = claimCheck
            self.limits = limits
            self.leaseTTL = leaseTTL
            self.registration = registration
            self.compensator = compensator
        }

        /// Leaves out what the destination did not ask for, and what is too large for it.
        func prepare(_ batch: EventBatch) {
            filter.apply(to: batch)
            claimCheck?.apply(to: batch)
        }
    }

    let parts: Parts
    let status: PipelineStatus
    let metrics: RelayMetrics
    let logger: Logger
    private let stopping = Mutex(false)
    private let current = Mutex<BatchQueue?>(nil)

    /// A pipeline that reports to `status`.
    public init(_ parts: Parts, status: PipelineStatus, logger: Logger) {
        self.parts = parts
        self.status = status
        metrics = RelayMetrics(pipeline: parts.name, destination: status.snapshot.destination)
        var logger = logger
        logger[metadataKey: "pipeline"] = "\(parts.name)"
        self.logger = logger
    }

    /// Stops reading, settles what is in flight, saves the checkpoint, and lets ``run()`` return.
    public func stop() {
        stopping.withLock { $0 = true }
        current.withLock { $0 }?.wake()
    }

    var isStopping: Bool { stopping.withLock { $0 } }

    /// Lets the worker look for requests.
    func wakeWorker() { current.withLock { $0 }?.wake() }

    func watch(_ queue: BatchQueue?) { current.withLock { $0 = queue } }

    /// Runs until ``stop()`` or cancellation.
    public func run() async {
        var backoff = Backoff(first: .milliseconds(200), most: .seconds(5))
        while !isStopping, !Task.isCancelled {
            status.progress.beat(parts.name, longestWait: .seconds(60))
            do {
                try await parts.store.prepare()
                guard let lease = try await waitForLease() else { break }
                backoff.reset()
                let term = LeaseTerm(pipeline: self, lease: lease)
                try await term.run()
            } catch is CancellationError {
                if !isStopping, !Task.isCancelled { continue }
            } catch {
                note(RelayError.wrapping(error))
                await pause(for: backoff.next())
            }
        }
        status.progress.end(parts.name)
        status.update { $0.resign() }
    }

    /// Asks for the lease until it is ours. Nil when stopped before.
    private func waitForLease() async throws -> (grant: LeaseGrant, clock: LeaseClock)? {
        let owner = Self.randomID()
        let interval = min(parts.leaseTTL / 3, .seconds(2))
        var lastHolder: String?
        while !isStopping {
            // Cancelled, `pause` returns at once: this loop must end and not spin.
            try Task.checkCancellation()
            status.progress.beat(parts.name, longestWait: .seconds(30))
            let sentAt = ContinuousClock.now
            switch try await parts.store.acquireLease(owner: owner, ttl: parts.leaseTTL) {
            case .granted(let grant):
                return (grant, LeaseClock(ttl: parts.leaseTTL, sentAt: sentAt))
            case .held(let holder, let expiresIn):
                if lastHolder != holder {
                    logger.info("standing by for the lease", metadata: ["lease.holder": "\(holder)"])
                    lastHolder = holder
                }
                status.update {
                    $0.resign()
                    $0.state = .starting
                    $0.why = "standing by: the lease is held by \(holder)"
                }
                await pause(for: min(interval, max(expiresIn, .milliseconds(20))))
            }
        }
        return nil
    }

    /// Sleeps in short steps, so that a stop is noticed.
    func pause(for duration: Duration) async {
        let end = ContinuousClock.now + duration
        while !isStopping, !Task.isCancelled {
            let left = ContinuousClock.now.duration(to: end)
            if left <= .zero { return }
            try? await Task.sleep(for: min(left, .milliseconds(200)))
        }
    }

    /// Reports a failure everywhere that a person may look.
    func note(_ error: RelayError) {
        metrics.failed(error.code)
        logger.error(
            "pipeline interrupted",
            metadata: ["error.code": "\(error.code)", "error.message": "\(error.message)"])
        status.update {
            $0.lastError = error.message
            $0.lastErrorAt = Double(Self.unixMilliseconds()) / 1000
            $0.restarts += 1
            if $0.state == .streaming { $0.state = .catchingUp }
            if $0.state != .halted, $0.state != .paused { $0.why = error.message }
        }
        metrics.restarted.increment()
    }

    /// 128 random bits as hexadecimal digits.
    static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
