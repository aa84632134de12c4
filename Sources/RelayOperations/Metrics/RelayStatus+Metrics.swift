import RelayCore

extension RelayStatus {
    /// The gauges that are read off the status at each scrape.
    /// - Parameter now: the time in Unix seconds.
    func metricFamilies(now: Double = UTCTime.unixSeconds) -> [MetricFamily] {
        let snapshots = pipelines.map(\.snapshot)
        func gauge(_ name: String, _ value: (PipelineSnapshot) -> Double?) -> MetricFamily {
            .gauge(name, snapshots.compactMap { snapshot in value(snapshot).map { (snapshot.metricLabels, $0) } })
        }
        func leaderGauge(_ name: String, _ value: (PipelineSnapshot) -> Double?) -> MetricFamily {
            gauge(name) { $0.leading.flatMap(value) }
        }
        func choice<Choice: RawRepresentable<String> & CaseIterable & Equatable>(
            _ name: String, _ label: String, _ value: (PipelineSnapshot) -> Choice?
        ) -> MetricFamily {
            .gauge(
                name,
                snapshots.flatMap { snapshot -> [([MetricLabel], Double)] in
                    guard let chosen = value(snapshot) else { return [] }
                    return Choice.allCases.map { choice in
                        let label = MetricLabel(name: label, value: choice.rawValue)
                        return (snapshot.metricLabels + [label], chosen == choice ? 1.0 : 0.0)
                    }
                })
        }
        let info = [MetricLabel(name: "name", value: name), MetricLabel(name: "version", value: version)]
        return [
            .gauge(OperationsMetrics.info, [(info, 1)]),
            .gauge(OperationsMetrics.ready, [([], hasReachedMongoDB ? 1 : 0)]),
            .gauge(OperationsMetrics.stuckLoops, [([], Double(progress.stuck().count))]),
            leaderGauge(RelayMetrics.lagSeconds) { $0.lagSeconds },
            leaderGauge(OperationsMetrics.lagEvents) { $0.lagEvents.map(Double.init) },
            gauge(RelayMetrics.oplogHeadroomSeconds) { $0.oplogHeadroomSeconds },
            gauge(RelayMetrics.historyGapSeconds) { $0.historyGap.map { Double($0.to - $0.from) } },
            leaderGauge(RelayMetrics.deadLettersWaiting) { Double($0.deadLetters) },
            leaderGauge(RelayMetrics.parkedEvents) { $0.webhook.map { Double($0.parked) } },
            leaderGauge(RelayMetrics.parkedKeys) { $0.webhook.map { Double($0.parkedKeys) } },
            leaderGauge(RelayMetrics.oldestParkedSeconds) { $0.webhook.map { $0.oldestParkedSeconds(at: now) ?? 0 } },
            leaderGauge(RelayMetrics.inFlight) { $0.webhook.map { Double($0.inFlight) } },
            choice(RelayMetrics.breaker, "state") { $0.leading?.breaker },
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
