import RelayConfiguration
import RelayMongoDB

extension Wiring {
    /// The collections that this relay, or another one, may clean up behind the pipelines.
    var cleanableCollections: [String] { settings.source.kind == .changes ? [] : settings.source.collections }

    /// What this relay cleans up; nil for nothing.
    var cleaning: Cleaner.Options? {
        guard let mode = Cleaner.Options.Mode(rawValue: settings.source.cleanup.rawValue), !cleanableCollections.isEmpty
        else { return nil }
        let layout: Cleaner.Options.Layout =
            settings.source.kind == .embedded
            ? .embedded(path: settings.source.eventsPath, idField: settings.source.fields.id) : .outbox
        return Cleaner.Options(
            endpoint: endpoint, collections: cleanableCollections, mode: mode, layout: layout, holder: QueueParts.holder
        )
    }

    /// Looks at what cleaning up needs; nil where nothing is cleaned up.
    var cleanupInspector: CleanupInspector? { cleaning.map { CleanupInspector($0) } }
}
