import RelayCore

/// What may be cleaned up now, and who keeps the rest from being so.
struct CleanupDecision: Sendable, Equatable {
    /// A pipeline that holds things up.
    struct Blocker: Sendable, Equatable {
        var pipeline: String
        /// A sentence that begins with its name.
        var reason: String
    }

    /// Everything that was visible at this time is settled by all; nil when that cannot be said of any time.
    var upTo: ClusterTime?
    var blockers: [Blocker]

    /// A pipeline that is further behind than this holds things up. (One that is idle saves its place every 10 s, and
    /// a server without writes moves its clock as often.)
    static let patience = 60

    /// - Parameters:
    ///   - pipelines: all that are registered for the source.
    ///   - now: the server's time.
    init(_ pipelines: [RegisteredPipeline], now: ClusterTime) {
        blockers = pipelines.sorted { $0.name < $1.name }.compactMap { pipeline in
            Self.reason(pipeline, now: now).map { Blocker(pipeline: pipeline.name, reason: "\(pipeline.name) \($0)") }
        }
        let settled = pipelines.compactMap(\.settled)
        // All events of a transaction share one time, and not all of those at the checkpoint's need be settled.
        upTo = settled.count == pipelines.count ? settled.min()?.previous : nil
    }

    /// The pipelines that are so far behind that the server has forgotten the snapshot.
    static func laggards(_ pipelines: [RegisteredPipeline], now: ClusterTime) -> [Blocker] {
        let oldest = pipelines.compactMap(\.settled).min()
        return pipelines.filter { $0.settled == oldest }.sorted { $0.name < $1.name }.map { pipeline in
            let seconds = pipeline.settled.map { Int64(now.seconds) - Int64($0.seconds) } ?? 0
            return Blocker(
                pipeline: pipeline.name,
                reason: "\(pipeline.name) is \(max(0, seconds)) s behind, longer than the server keeps a snapshot "
                    + "(minSnapshotHistoryWindowInSeconds)")
        }
    }

    private static func reason(_ pipeline: RegisteredPipeline, now: ClusterTime) -> String? {
        let behind = pipeline.settled.map { Int64(now.seconds) - Int64($0.seconds) }
        let isBehind = behind.map { $0 > patience } ?? true
        if isBehind, !pipeline.isAlive {
            let destination = pipeline.name.split(separator: "/").last.map(String.init) ?? pipeline.name
            return "is not run by any relay (none has said so for \(Int(pipeline.silence / .seconds(1))) s): start the "
                + "relay, or, if the destination was removed, run `outbox-relay forget \(destination)` (with another "
                + "RELAY_NAME: `forget \(pipeline.name)`)"
        }
        if let paused = pipeline.paused {
            return "is paused (\(paused)): run `outbox-relay resume`"
        }
        guard let behind else { return "has not settled yet what was there at its first start" }
        return isBehind ? "is \(behind) s behind" : nil
    }
}

extension ClusterTime {
    /// The greatest cluster time below this one.
    var previous: ClusterTime {
        if increment > 0 { return ClusterTime(seconds: seconds, increment: increment - 1) }
        return ClusterTime(seconds: seconds == 0 ? 0 : seconds - 1, increment: seconds == 0 ? 0 : .max)
    }
}
