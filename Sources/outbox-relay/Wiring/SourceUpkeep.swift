import Logging
import RelayCore
import RelayMongoDB

/// What a relay does for the source beside its pipelines: keeps them registered, tells of stored ones that nobody
/// configures any more, and cleans up.
struct SourceUpkeep: Sendable {
    let registrar: PipelineRegistrar
    let registrations: [PipelineRegistrar.Registration]
    let cleaner: Cleaner?
    let wiring: Wiring
    let logger: Logger

    /// Runs until cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await registrar.run(registrations) }
            group.addTask { await tellOfOthers() }
            if let cleaner { group.addTask { await cleaner.run() } }
            await group.waitForAll()
        }
    }

    /// Says once which stored pipelines match no configured name: most often a name was changed, and the new one began
    /// anew.
    private func tellOfOthers() async {
        var backoff = Backoff(first: .seconds(1), most: .seconds(30))
        while !Task.isCancelled {
            do {
                let relay = wiring.settings.name
                var found: Set<String> = []
                for parts in wiring.destinations { found.formUnion(try await parts.storedPipelines(of: relay)) }
                let sources = Set(wiring.cleanableCollections.map { "\(wiring.endpoint.database).\($0)" })
                for entry in try await RegistryAdministration(wiring.endpoint).entries() {
                    // Another relay on the same collection is not ours, as long as somebody runs it.
                    let isOurs = entry.pipeline.hasPrefix(relay + "/")
                    if isOurs || (sources.contains(entry.source) && !entry.isAlive) { found.insert(entry.pipeline) }
                }
                let others = found.subtracting(wiring.destinations.map(\.pipeline)).sorted()
                if !others.isEmpty {
                    logger.warning(
                        """
                        stored pipelines match no configured name. If one was renamed, stop the relay and run \
                        `outbox-relay adopt OLD NEW`; if it was removed, run `outbox-relay forget` with its name, or \
                        nothing is cleaned up
                        """,
                        metadata: ["pipelines": "\(others.joined(separator: ", "))"])
                }
                return
            } catch {
                try? await Task.sleep(for: backoff.next())
            }
        }
    }
}
