import Logging
import RelayCore

/// Keeps the pipelines' `oplogHeadroomSeconds` up to date, on a connection of its own with short time-outs.
public struct OplogWatch: Sendable {
    private let connection: MongoConnection
    private let pipelines: [PipelineStatus]

    /// How often the oplog's end is looked at.
    static let interval = Duration.seconds(3)

    /// Watches the oplog behind `endpoint`.
    public init(_ endpoint: MongoEndpoint, pipelines: [PipelineStatus]) {
        connection = MongoConnection(uri: endpoint.uri, name: "mongo-watch", socketTimeout: .seconds(10))
        self.pipelines = pipelines
    }

    /// Looks until cancelled. What fails shows as unknown; reading and delivering report failures.
    public func run() async {
        while !Task.isCancelled {
            let window = try? await OplogWindow.read(connection)
            for status in pipelines {
                status.update { snapshot in
                    guard let window, let settled = snapshot.settledTime else {
                        snapshot.oplogHeadroomSeconds = nil
                        return
                    }
                    snapshot.oplogHeadroomSeconds = max(0, Double(settled.seconds) - Double(window.oldest.seconds))
                }
            }
            try? await Task.sleep(for: Self.interval)
        }
    }
}
