import RelayCore

extension RelayStatus {
    /// The gauges that are read off the status at each scrape.
    func metricFamilies() -> [MetricFamily] {
        let snapshots = pipelines.map(\.snapshot)
        func gauge(_ name: String, _ value: (PipelineSnapshot) -> Double?) -> MetricFamily {
            .gauge(name, snapshots.compactMap { snapshot in value(snapshot).map { (snapshot.metricLabels, $0) } })
        }
        func choice<Choice: RawRepresentable<String> & CaseIterable & Equatable>(
            _ name: String, _ label: String, _ value: (PipelineSnapshot) -> Choice
        ) -> MetricFamily {
            .gauge(
                name,
                snapshots.flatMap { snapshot in
                    Choice.allCases.map { choice in
                        let label = MetricLabel(name: label, value: choice.rawValue)
                        return (snapshot.metricLabels + [label], value(snapshot) == choice ? 1.0 : 0.0)
                    }
                })
        }
        let info = [MetricLabel(name: "name", value: name), MetricLabel(name: "version", value: version)]
        return [
            .gauge(OperationsMetrics.info, [(info, 1)]),
            .gauge(OperationsMetrics.ready, [([], hasReachedMongoDB ? 1 : 0)]),
            .gauge(OperationsMetrics.stuckLoops, [([], Double(progress.stuck().count))]),
            // A relay that has lost the lease remembers a lag that nobody works off any more.
            gauge(RelayMetrics.lagSeconds) { $0.role == .leader ? $0.lagSeconds : nil },
            gauge(OperationsMetrics.lagEvents) { $0.role == .leader ? $0.lagEvents.map(Double.init) : nil },
            gauge(RelayMetrics.oplogHeadroomSeconds) { $0.oplogHeadroomSeconds },
            gauge(RelayMetrics.deadLettersWaiting) { Double($0.deadLetters) },
            gauge(RelayMetrics.parkedEvents) { Double($0.parked) },
            choice(RelayMetrics.role, "role") { $0.role },
            choice(RelayMetrics.state, "state") { $0.state },
        ]
    }
}

extension PipelineSnapshot {
    /// The labels that every series of a pipeline carries.
    fileprivate var metricLabels: [MetricLabel] {
        [MetricLabel(name: "destination", value: destination), MetricLabel(name: "pipeline", value: name)]
    }
}
