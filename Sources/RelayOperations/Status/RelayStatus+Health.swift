import RelayCore

/// What a probe is told.
struct ProbeVerdict: Sendable {
    let isGood: Bool
    /// A sentence or several, one a line, saying why.
    let reason: String
}

extension RelayStatus {
    /// `/startupz`: that this answers means that the configuration is valid and the listener is up.
    /// No server counts: Kubernetes starts the service's container only after this probe.
    var startup: ProbeVerdict { ProbeVerdict(isGood: true, reason: "started") }

    /// `/readyz`: red only until MongoDB was reached once.
    var readiness: ProbeVerdict {
        if hasReachedMongoDB { return ProbeVerdict(isGood: true, reason: "ready") }
        let problem = mongoDBProblem.map { ": \($0)" } ?? ""
        return ProbeVerdict(isGood: false, reason: "not ready: MongoDB has not been reached since the start\(problem)")
    }

    /// `/livez`: red while a loop has made no progress for three times its longest bounded wait.
    var liveness: ProbeVerdict {
        let stuck = progress.stuck()
        if stuck.isEmpty { return ProbeVerdict(isGood: true, reason: "live") }
        let lines = stuck.map { "stuck: \($0.name) has made no progress for \(Int($0.seconds)) s" }
        return ProbeVerdict(isGood: false, reason: lines.joined(separator: "\n"))
    }
}
