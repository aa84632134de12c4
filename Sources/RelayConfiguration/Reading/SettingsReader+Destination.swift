extension SettingsReader {
    /// The names of the destinations; nil where there is only the unnamed one.
    mutating func destinationNames() -> [String]? {
        let setting = ConfigurationTable.Destination.names
        if let names = optional(setting) { return names }
        guard !failed.contains(setting.variable.name) else { return [] }
        guard let yaml = layers.yaml, let names = yaml.destinationNames else { return nil }
        let origin = ValueOrigin.yaml(file: yaml.path, key: "destinations")
        let raw = RawValue(text: names.joined(separator: ","), origin: origin)
        do throws(ConfigurationProblem) {
            // One by one: a key may hold a comma.
            try Self.checked(raw, setting.variable, setting.variable.name) { _ throws(MalformedValue) in
                try DestinationNames.check(names)
            }
            note(setting.variable.name, names.joined(separator: ","), origin)
        } catch {
            refuse(setting.variable.name, error)
            return []
        }
        return names
    }

    mutating func destinations(_ names: [String]?) -> [DestinationSettings] {
        guard let names else { return [destination(nil)] }
        checkDefaultsOfAll()
        return names.map { destination($0) }
    }

    /// Options without a name where there are several destinations: some cannot hold for all of them, and the rest is
    /// checked even where every destination has its own.
    private mutating func checkDefaultsOfAll() {
        for variable in ConfigurationTable.Destination.all where variable.isOfDestination {
            do throws(ConfigurationProblem) {
                guard let raw = try layers.find(variable, of: nil) else { continue }
                guard variable.isSharedByDestinations else {
                    let advice = "write \(variable.name(for: "<name>")) for each that needs it"
                    throw ConfigurationProblem(
                        variable.name, "cannot hold for several destinations: \(advice)\(raw.origin.remark)")
                }
                _ = try Self.checked(raw, variable, variable.name, parse: variable.check)
            } catch {
                add([error])
            }
        }
    }

    private mutating func destination(_ name: String?) -> DestinationSettings {
        typealias Table = ConfigurationTable.Queue
        let url = destinationURL(name)
        return DestinationSettings(
            name: name ?? DestinationNames.single,
            kind: url?.kind ?? .postgresql,
            url: url?.text ?? "",
            topics: value(ConfigurationTable.Destination.topics, of: name),
            types: value(ConfigurationTable.Destination.types, of: name),
            partitions: value(ConfigurationTable.Destination.partitions, of: name),
            claimCheck: optional(ConfigurationTable.Destination.claimCheck, of: name),
            queue: value(Table.engine, of: name),
            queueName: optional(Table.queueName, of: name),
            jobName: optional(Table.jobName, of: name),
            jobPriority: optional(Table.jobPriority, of: name),
            sql: optional(Table.sql, of: name),
            schema: value(Table.schema, of: name),
            payloadType: value(Table.payloadType, of: name),
            retention: value(Table.retention, of: name),
            retentionMax: value(Table.retentionMax, of: name),
            autoSetup: value(Table.autoSetup, of: name),
            webhook: webhook(name))
    }

    private mutating func destinationURL(_ name: String?) -> DestinationURL? {
        let variable = ConfigurationTable.Destination.url.variable
        let fullName = variable.name(for: name)
        if let url = optional(ConfigurationTable.Destination.url, of: name) { return url }
        guard !failed.contains(fullName) else { return nil }
        let other = name == nil ? "; set it, or DESTINATIONS for several" : ""
        refuse(
            fullName,
            ConfigurationProblem(fullName, "is required and not set\(other)", accepted: variable.accepted))
        return nil
    }

    private mutating func webhook(_ name: String?) -> WebhookSettings {
        typealias Table = ConfigurationTable.Webhook
        return WebhookSettings(
            format: value(Table.format, of: name),
            secrets: optional(Table.secret, of: name) ?? [],
            headers: optional(Table.headers, of: name) ?? [],
            tlsCA: optional(Table.tlsCA, of: name),
            tlsCertificate: optional(Table.tlsCertificate, of: name),
            tlsKey: optional(Table.tlsKey, of: name),
            oauth: oauth(name),
            compression: value(Table.compression, of: name),
            rate: optional(Table.rate, of: name),
            timeout: value(Table.timeout, of: name),
            concurrency: value(Table.concurrency, of: name),
            ordering: value(Table.ordering, of: name),
            retryFirst: value(Table.retryFirst, of: name),
            retryMax: value(Table.retryMax, of: name),
            retryFor: value(Table.retryFor, of: name),
            spoolBytes: value(Table.spoolBytes, of: name))
    }

    /// Client credentials need their first three parts: some of them alone are a problem of the review.
    private mutating func oauth(_ name: String?) -> OAuthSettings? {
        typealias Table = ConfigurationTable.Webhook
        let tokenURL = optional(Table.oauthTokenURL, of: name)
        let clientID = optional(Table.oauthClientID, of: name)
        let clientSecret = optional(Table.oauthClientSecret, of: name)
        let scope = optional(Table.oauthScope, of: name)
        guard let tokenURL, let clientID, let clientSecret else { return nil }
        return OAuthSettings(tokenURL: tokenURL, clientID: clientID, clientSecret: clientSecret, scope: scope)
    }
}
