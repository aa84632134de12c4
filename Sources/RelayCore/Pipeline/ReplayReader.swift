import Synchronization

/// Reads one page of a replay ahead, beside the delivery of everything else.
final class ReplayReader: Sendable {
    private let source: any Source
    private let selection: ReplaySelection
    private let wake: @Sendable () -> Void
    private struct State {
        var reading: Task<Void, Never>?
        var page: Result<ReplayPage, any Error>?
    }
    private let state = Mutex(State())

    init(_ source: any Source, _ selection: ReplaySelection, wake: @escaping @Sendable () -> Void) {
        self.source = source
        self.selection = selection
        self.wake = wake
    }

    deinit { state.withLock { $0.reading }?.cancel() }

    /// The page behind `cursor`, once; nil while it is being read, which the first call begins.
    func page(from cursor: String?) throws -> ReplayPage? {
        let page = state.withLock { state -> Result<ReplayPage, any Error>? in
            if let page = state.page {
                state.page = nil
                state.reading = nil
                return page
            }
            guard state.reading == nil else { return nil }
            let (source, selection, wake) = (source, selection, wake)
            state.reading = Task { [weak self] in
                let result: Result<ReplayPage, any Error>
                do {
                    result = .success(try await source.replay(selection, from: cursor))
                } catch {
                    result = .failure(error)
                }
                self?.state.withLock { $0.page = result }
                wake()
            }
            return nil
        }
        return try page?.get()
    }

    func cancel() { state.withLock { $0.reading }?.cancel() }
}
