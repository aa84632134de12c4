import RelayCore
import Synchronization

/// One pipeline's entry in the registry, as the relay that leads it keeps it.
final class MongoRegistration: PipelineRegistration {
    let pipeline: String
    private let registrar: PipelineRegistrar

    private struct State {
        /// A random id for each beginning: who was led out of office meanwhile reports nothing any more.
        var reporter: String?
        /// What is stored.
        var noted: PipelineRegistry.Report?
        /// What the registry knows of it.
        var reported: PipelineRegistry.Report?
    }
    private let state = Mutex(State())

    init(_ pipeline: String, registrar: PipelineRegistrar) {
        self.pipeline = pipeline
        self.registrar = registrar
    }

    func begin(after stored: StoredState) async throws { try await begin(PipelineRegistry.Report(stored)) }

    func note(_ stored: StoredState) {
        let report = PipelineRegistry.Report(stored)
        state.withLock { $0.noted = report }
    }

    private func begin(_ report: PipelineRegistry.Report) async throws {
        let reporter = String(UInt64.random(in: .min ... .max), radix: 16)
        state.withLock { $0.reporter = nil }
        try await registrar.begin(pipeline, report, reporter: reporter)
        state.withLock { $0 = State(reporter: reporter, noted: report, reported: report) }
    }

    /// Reports what has changed.
    func flush() async throws {
        let (reporter, noted) = state.withLock { state in
            (state.noted == state.reported ? nil : state.reporter, state.noted)
        }
        guard let reporter, let noted else { return }
        if try await registrar.report(pipeline, noted, reporter: reporter) {
            state.withLock { if $0.reporter == reporter { $0.reported = noted } }
        } else {
            // The entry was removed, or another has begun: then this one does not lead any more.
            try await registrar.register([pipeline])
            let isOurs = try await registrar.claim(pipeline, noted, reporter: reporter)
            state.withLock { state in
                guard state.reporter == reporter else { return }
                if isOurs { state.reported = noted } else { state.reporter = nil }
            }
        }
    }
}
