import RelayCore

extension RelayStatus {
    /// The document of `/status` at `now`, in Unix seconds. Every field is always there; what is not known is `null`.
    func json(now: Double = UTCTime.unixSeconds) -> JSONValue {
        .object([
            ("name", .string(name)),
            ("version", .string(version)),
            ("ready", .bool(readiness.isGood)),
            ("live", .bool(liveness.isGood)),
            ("mongoDBReached", .bool(hasReachedMongoDB)),
            ("mongoDBProblem", .optional(mongoDBProblem)),
            (
                "stuck",
                .array(
                    progress.stuck().map { loop in
                        .object([("loop", .string(loop.name)), ("seconds", .number(loop.seconds.toMilliseconds))])
                    })
            ),
            ("cleanup", cleanup.json),
            ("pipelines", .array(pipelines.map { $0.snapshot.json(now: now) })),
        ])
    }
}

extension CleanupSnapshot {
    /// The member `cleanup` of `/status`.
    fileprivate var json: JSONValue {
        .object([
            ("mode", .string(mode)),
            ("state", .string(state.rawValue)),
            ("blockedBy", .array(blockedBy.map { .string($0) })),
            ("cleaned", .integer(cleaned)),
            ("lastError", .optional(lastError)),
            ("lastErrorAt", .optional(lastErrorAt.flatMap(UTCTime.init(unixSeconds:))?.rfc3339)),
        ])
    }
}

extension PipelineSnapshot {
    /// One element of `pipelines` in `/status`.
    func json(now: Double) -> JSONValue {
        .object([
            ("name", .string(name)),
            ("destination", .string(destination)),
            ("role", .string(role.rawValue)),
            ("state", .string(state.rawValue)),
            ("why", .optional(why)),
            ("lagSeconds", .optional(lagSeconds?.toMilliseconds)),
            ("lagEvents", .optional(lagEvents)),
            ("oplogHeadroomSeconds", .optional(oplogHeadroomSeconds?.toMilliseconds)),
            ("lastError", .optional(lastError)),
            ("lastErrorAt", .optional(lastErrorAt.flatMap(UTCTime.init(unixSeconds:))?.rfc3339)),
            ("epoch", .optional(epoch)),
            ("stream", .optional(stream)),
            ("position", .optional(position)),
            ("breaker", .optional(leading?.breaker?.rawValue)),
            ("inFlight", .optional(leading?.inFlight)),
            ("parked", .optional(leading?.parked)),
            ("parkedKeys", .optional(leading?.parkedKeys)),
            ("oldestParkedSeconds", .optional(leading?.oldestParkedSeconds(at: now)?.toMilliseconds)),
            ("spooling", leading?.webhook.map { .bool($0.isSpooling) } ?? .null),
            ("deadLetters", .integer(Int64(deadLetters))),
            (
                "historyGap",
                historyGap.map { gap in
                    .object([
                        ("from", .optional(UTCTime(unixSeconds: Double(gap.from))?.rfc3339)),
                        ("to", .optional(UTCTime(unixSeconds: Double(gap.to))?.rfc3339)),
                    ])
                } ?? .null
            ),
            ("cleanupBlockedBy", .array(cleanupBlockedBy.map { .string($0) })),
            ("restarts", .integer(Int64(restarts))),
            ("eventsRead", .integer(eventsRead)),
            ("eventsDelivered", .integer(eventsDelivered)),
            ("eventsFiltered", .integer(eventsFiltered)),
            ("eventsDeadLettered", .integer(eventsDeadLettered)),
        ])
    }
}

extension Double {
    /// Rounded to thousandths: more digits of a duration are noise to a reader.
    fileprivate var toMilliseconds: Double { (self * 1000).rounded() / 1000 }
}
