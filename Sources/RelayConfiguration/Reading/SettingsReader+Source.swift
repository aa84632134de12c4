extension SettingsReader {
    mutating func source() -> SourceSettings {
        typealias Table = ConfigurationTable.Source
        let kind = value(Table.kind)
        return SourceSettings(
            kind: kind,
            collections: value(Table.collections),
            capture: value(Table.capture),
            fields: fields(),
            backlog: value(Table.backlog),
            cleanup: value(Table.cleanup),
            rescanSlack: value(Table.rescanSlack),
            eventsPath: value(Table.eventsPath),
            pollMax: value(Table.pollMax),
            images: value(Table.images),
            snapshot: value(Table.snapshot),
            schemaVersions: value(Table.schemaVersions),
            json: value(Table.json),
            onPoison: value(Table.onPoison),
            onHistoryLost: onHistoryLost(of: kind),
            onInvalidate: value(Table.onInvalidate))
    }

    /// What an outbox still holds can be read again; what changed in a collection cannot.
    private mutating func onHistoryLost(of kind: SourceKind) -> HistoryLostPolicy {
        let setting = ConfigurationTable.Source.onHistoryLost
        if let policy = optional(setting) { return policy }
        let policy = kind == .changes ? HistoryLostPolicy.halt : .rescan
        derive(setting, as: policy.rawValue)
        return policy
    }

    private mutating func fields() -> SourceFields {
        typealias Table = ConfigurationTable.Field
        return SourceFields(
            id: value(Table.id),
            topic: field(Table.topic),
            key: field(Table.key),
            type: value(Table.type),
            payload: value(Table.payload),
            headers: field(Table.headers),
            time: field(Table.time),
            schemaVersion: field(Table.schemaVersion),
            traceparent: field(Table.traceparent),
            sequence: optional(Table.sequence))
    }

    /// A field that may be left out by an empty value.
    private mutating func field(_ setting: Setting<String>) -> String? {
        let path = value(setting)
        return path.isEmpty ? nil : path
    }
}
