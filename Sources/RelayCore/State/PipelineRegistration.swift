/// Tells whoever cleans the source up to where a pipeline has settled it.
///
/// Cleaning removes what every pipeline of a source has settled. So a pipeline is known there before it reads for the
/// first time, and what it reports there never runs ahead of what is stored.
public protocol PipelineRegistration: Sendable {
    /// Makes the pipeline known as standing exactly at `state`, also when that is behind what was reported before. When
    /// this returns, nothing behind `state` is cleaned up any more; only then may the source be read from there.
    /// - Parameter state: the state as it was just read from the store.
    /// - Throws: a retriable ``RelayError``.
    func begin(after state: StoredState) async throws

    /// Takes note of a state that was stored, to be reported within a second or two. Called often; returns at once.
    func note(_ state: StoredState)
}
