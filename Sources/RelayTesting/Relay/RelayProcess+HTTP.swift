extension RelayProcess {
    /// Asks one of the relay's endpoints.
    /// - Throws: ``TestingError`` when there is no answer in time.
    package func get(_ path: String, within limit: Duration = .seconds(5)) async throws -> HTTPAnswer {
        try await HTTPGet.run(port: port, path: path, within: limit)
    }

    /// The relay's `/status`.
    package func status() async throws -> RelayReport { try RelayReport(json: try await get("/status").body) }

    /// Waits until `/readyz` is green.
    /// - Throws: ``TestingError`` with the log's end when the process ends or time is up.
    package func waitUntilReady(within limit: Duration = .seconds(30)) async throws {
        try await wait(for: "/readyz of the relay to be green", within: limit) {
            try await self.get("/readyz").status == 200
        }
    }

    /// Waits until every pipeline (or the one to `destination`) fulfils a condition.
    /// - Throws: ``TestingError`` with the log's end when the process ends or time is up.
    package func waitUntil(
        _ what: String, destination: String? = nil, within limit: Duration = .seconds(30),
        _ condition: (RelayReport.Pipeline) -> Bool
    ) async throws {
        try await wait(for: "the relay: \(what)", within: limit) {
            let pipelines = try await self.status().pipelines
                .filter { destination == nil || $0.destination == destination }
            return !pipelines.isEmpty && pipelines.allSatisfy(condition)
        }
    }

    /// Waits until every pipeline leads and is level with its source.
    package func waitUntilStreaming(within limit: Duration = .seconds(30)) async throws {
        try await waitUntil("leading and level with the source", within: limit) {
            $0.role == "leader" && $0.state == "streaming"
        }
    }

    private func wait(for what: String, within limit: Duration, _ condition: () async throws -> Bool) async throws {
        do {
            try await waiting(for: what, within: limit, every: .milliseconds(20)) {
                if let status = exitStatus {
                    throw GivingUp(TestingError("the relay ended with \(status)"))
                }
                return try await condition() ? true : nil
            }
        } catch let error as TestingError {
            throw TestingError("\(error).\(logNote(log))")
        }
    }
}
