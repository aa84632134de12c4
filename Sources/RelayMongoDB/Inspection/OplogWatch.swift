import Logging
import RelayCore

/// Finds out whether MongoDB can be reached, in whatever role the pipelines are, and keeps their
/// `oplogHeadroomSeconds` up to date; on a connection of its own with short time-outs.
public struct OplogWatch: Sendable {
    private let connection: MongoConnection
    private let relay: RelayStatus

    /// How often the oplog's end is looked at.
    static let interval = Duration.seconds(3)

    /// Watches the oplog behind `endpoint`.
    public init(_ endpoint: MongoEndpoint, relay: RelayStatus) {
        connection = MongoConnection(uri: endpoint.uri, name: "mongo-watch", socketTimeout: .seconds(10))
        self.relay = relay
    }

    /// Looks until cancelled. What fails shows as unknown; reading and delivering report failures.
    public func run() async {
        while !Task.isCancelled {
            await reach()
            let window = try? await OplogWindow.read(connection)
            // Only who waits for an endpoint asks how much is left of it.
            let isFull = isAnyWaiting && window != nil ? await OplogWindow.isFull(connection) : nil
            for status in relay.pipelines {
                status.update { snapshot in
                    guard let window, let settled = snapshot.settledTime else {
                        snapshot.oplogHeadroomSeconds = nil
                        snapshot.oplogShare = nil
                        return
                    }
                    let headroom = max(0, Double(settled.seconds) - Double(window.oldest.seconds))
                    snapshot.oplogHeadroomSeconds = headroom
                    snapshot.oplogShare = isFull.map { $0 ? min(1, headroom / max(1, window.seconds)) : 1 }
                }
            }
            try? await Task.sleep(for: relay.hasReachedMongoDB ? Self.interval : .seconds(1))
        }
    }

    /// Whether a pipeline's breaker is open.
    private var isAnyWaiting: Bool {
        relay.pipelines.contains { $0.snapshot.breaker.map { $0 != .closed } ?? false }
    }

    private func reach() async {
        do {
            _ = try await connection.run(["hello": 1], on: "admin")
            relay.noteMongoDBReached()
        } catch let failure as MongoFailure {
            relay.noteMongoDBProblem(failure.described(doing: "connecting", needing: "").message)
        } catch {
            relay.noteMongoDBProblem("\(error)")
        }
    }
}
