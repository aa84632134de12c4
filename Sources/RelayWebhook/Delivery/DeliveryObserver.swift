import Foundation
import Logging
import RelayCore
import Synchronization

/// What a delivery looks like from outside: as it stands at one moment.
struct DeliverySummary: Sendable {
    var totals: ParkedTotals
    var breaker: BreakerState
    var reason: String?
    var inFlight: Int
    /// Events in memory that are not settled.
    var unsettled: Int
    /// Whether events are parked as they come, to save the position in the source.
    var spools: Bool
}

/// Tells status, metrics and log of what a delivery does.
final class DeliveryObserver: Sendable {
    private let status: PipelineStatus
    private let metrics: RelayMetrics
    private let webhook: WebhookMetrics
    private let logger: Logger
    let destination: String
    private let lastComplaint = Mutex<ContinuousClock.Instant?>(nil)

    init(status: PipelineStatus, pipeline: String, destination: String, logger: Logger) {
        self.status = status
        metrics = RelayMetrics(pipeline: pipeline, destination: destination)
        webhook = WebhookMetrics(
            pipeline: pipeline, destination: destination, outcomes: AttemptResult.Outcome.allCases.map(\.rawValue))
        self.logger = logger
        self.destination = destination
    }

    func attempted(_ result: AttemptResult, took: Duration) {
        webhook.attempted(outcome: result.outcome.rawValue, class: result.attemptClass, took: took)
        guard result.verdict != .delivered, result.verdict != .cancelled else { return }
        logger.debug(
            "attempt failed",
            metadata: ["outcome": "\(result.outcome.rawValue)", "error.message": "\(result.message)"])
        status.update {
            $0.lastError = result.message
            $0.lastErrorAt = Date().timeIntervalSince1970
        }
    }

    func observe(_ report: DeliveryReport) {
        if report.delivered > 0 {
            metrics.delivered.increment(by: report.delivered)
            for latency in report.latencies { webhook.delivered(commitToDelivered: .milliseconds(latency)) }
            status.update { $0.eventsDelivered += Int64(report.delivered) }
        }
        for change in report.breaker {
            let level: Logger.Level = change.state == .closed ? .notice : .error
            logger.log(
                level: level, "the breaker changed",
                metadata: ["breaker": "\(change.state.rawValue)", "reason": "\(change.reason ?? "")"])
            status.update { $0.breaker = change.state }
        }
    }

    /// A settlement is stored: what it gave up on counts from now on.
    func stored(_ settlement: Settlement) {
        if let (end, position) = settlement.checkpoint {
            status.update {
                $0.settledTime = end.clusterTime
                $0.position = position
            }
        }
        guard !settlement.deadLetters.isEmpty || !settlement.resolved.isEmpty else { return }
        var reasons: [Poison.Reason: Int] = [:]
        for letter in settlement.deadLetters { reasons[letter.poison.reason, default: 0] += 1 }
        for (reason, count) in reasons {
            metrics.deadLettered(count, reason: reason.rawValue)
            logger.warning(
                "events dead-lettered", metadata: ["reason": "\(reason.rawValue)", "count": "\(count)"])
        }
        let (new, resolved) = (settlement.deadLetters.count, settlement.resolved.count)
        status.update {
            $0.deadLetters = max(0, $0.deadLetters + new - resolved)
            $0.eventsDeadLettered += Int64(new)
        }
    }

    /// The state store could not be used just now. Said once in a while, not at every try.
    func postponed(_ error: RelayError) { complain(of: error, "the state store cannot be used now; trying again") }

    /// Parked events cannot be read although the store answers. Said as rarely.
    func unreadable(_ error: RelayError) {
        complain(of: error, "parked events cannot be read: their key waits, others go on; trying again")
    }

    private func complain(of error: RelayError, _ message: Logger.Message) {
        metrics.failed(error.code)
        status.update {
            $0.lastError = error.message
            $0.lastErrorAt = Date().timeIntervalSince1970
        }
        let isNew = lastComplaint.withLock { last in
            if let last, last.duration(to: .now) < .seconds(10) { return false }
            last = .now
            return true
        }
        guard isNew else { return }
        logger.warning(
            message,
            metadata: ["error.code": "\(error.code)", "error.message": "\(error.message)"])
    }

    /// How much of the source's history is left ahead of the checkpoint, from 0 to 1; nil where that is not known.
    var oplogShare: Double? { status.snapshot.oplogShare }

    func show(_ summary: DeliverySummary) {
        if summary.spools != status.snapshot.isSpooling { spooling(summary) }
        status.update {
            $0.isSpooling = summary.spools
            $0.parked = summary.totals.events
            $0.parkedKeys = summary.totals.keys
            $0.oldestParkedAt = summary.totals.oldest.map { Double($0) / 1000 }
            $0.inFlight = summary.inFlight
            $0.breaker = summary.breaker
            if summary.unsettled > 0, let settled = $0.settledTime {
                // Nothing may have been read for long: the calendar tells how far behind that is.
                let lag = Date().timeIntervalSince1970 - Double(settled.seconds)
                if lag >= 2 { $0.lagSeconds = lag }
            }
            guard let reason = summary.reason else { return }
            $0.state = .catchingUp
            $0.why =
                "the endpoint \(summary.breaker == .refusing ? "refuses everything" : "fails"): \(reason)"
                + (summary.spools ? "; the oplog runs short, so events are parked as they come" : "")
        }
    }

    private func spooling(_ summary: DeliverySummary) {
        if summary.spools {
            logger.warning(
                "the endpoint is still away and the oplog runs short: events are parked as they come",
                metadata: ["parked.bytes": "\(summary.totals.bytes)"])
        } else {
            logger.notice("events are not parked as they come any more", metadata: ["breaker": "\(summary.breaker)"])
        }
    }
}

extension AttemptResult {
    /// What a histogram is labelled with.
    var attemptClass: String {
        switch verdict {
        case .delivered: "delivered"
        case .retry, .wait: "retry"
        case .refused: "refused"
        case .gone, .cancelled: "other"
        }
    }
}
