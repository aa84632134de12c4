extension SettingsReader {
    /// Reads everything. Where a value was refused, a stand-in is in its place and ``problems`` is not empty.
    mutating func settings(destinationNames: [String]?) -> RelaySettings {
        let uri = mongodbURI()
        let database = database(in: uri)
        let source = source()
        let stateDatabase = optional(ConfigurationTable.Relay.stateDatabase) ?? database
        derive(ConfigurationTable.Relay.stateDatabase, as: database)
        return RelaySettings(
            name: name(database, source),
            eventSource: eventSource(database, source),
            mongodbURI: uri?.text ?? "",
            database: database,
            stateDatabase: stateDatabase,
            source: source,
            destinations: destinations(destinationNames),
            compensation: CompensationSettings(
                collection: optional(ConfigurationTable.Compensation.collection),
                event: value(ConfigurationTable.Compensation.event)),
            batchEvents: value(ConfigurationTable.Relay.batchEvents),
            batchBytes: value(ConfigurationTable.Relay.batchBytes),
            batchLinger: value(ConfigurationTable.Relay.batchLinger),
            bufferBytes: value(ConfigurationTable.Relay.bufferBytes),
            leaseTTL: value(ConfigurationTable.Relay.leaseTTL),
            httpHost: value(ConfigurationTable.Relay.httpHost),
            httpPort: value(ConfigurationTable.Relay.httpPort),
            logLevel: value(ConfigurationTable.Relay.logLevel),
            logFormat: value(ConfigurationTable.Relay.logFormat),
            shutdownTimeout: value(ConfigurationTable.Relay.shutdownTimeout),
            report: [])
    }

    private mutating func mongodbURI() -> MongoURI? {
        let variable = ConfigurationTable.MongoDB.uri.variable
        if let uri = optional(ConfigurationTable.MongoDB.uri) { return uri }
        guard !failed.contains(variable.name) else { return nil }
        // `MONGODB_` is no prefix of ours, so that a misspelt name is not found as an unknown variable.
        let similar = layers.environment.keys.sorted().first {
            $0.hasPrefix("MONGO") && EditDistance.between($0, variable.name) <= 2
        }
        let hint = similar.map { "; \($0) is set: is this the one?" } ?? ""
        refuse(
            variable.name,
            ConfigurationProblem(variable.name, "is required and not set\(hint)", accepted: variable.accepted))
        return nil
    }

    private mutating func database(in uri: MongoURI?) -> String {
        let setting = ConfigurationTable.MongoDB.database
        if let database = optional(setting) { return database }
        let name = ConfigurationTable.MongoDB.uri.variable.name
        guard let uri, !failed.contains(setting.variable.name) else { return "" }
        guard let database = uri.database else {
            refuse(
                name,
                ConfigurationProblem(
                    name, "names no database: add it behind the hosts as `/DATABASE`, or set MONGODB_DATABASE",
                    found: "\"\(Disclosure.uri.report(uri.text))\""))
            return ""
        }
        do throws(MalformedValue) {
            _ = try setting.format.parse(database)
        } catch {
            refuse(
                name,
                ConfigurationProblem(
                    name, "names a database that \(error.reason ?? "cannot be used"): set MONGODB_DATABASE",
                    found: "\"\(Disclosure.plain.report(database))\"", accepted: setting.format.accepted))
        }
        derive(setting, as: database)
        return database
    }

    private mutating func name(_ database: String, _ source: SourceSettings) -> String {
        let setting = ConfigurationTable.Relay.name
        if let name = optional(setting) { return name }
        let name = "\(database).\(source.collections.joined(separator: ","))"
        derive(setting, as: name)
        guard !failed.contains(setting.variable.name) else { return name }
        do throws(MalformedValue) {
            return try setting.format.parse(name)
        } catch {
            refuse(
                setting.variable.name,
                ConfigurationProblem(
                    setting.variable.name,
                    "is not set, and what follows from database and collections cannot be a name",
                    found: "\"\(Disclosure.plain.report(name))\"", accepted: setting.format.accepted))
            return name
        }
    }

    private mutating func eventSource(_ database: String, _ source: SourceSettings) -> String {
        let setting = ConfigurationTable.Relay.eventSource
        if let eventSource = optional(setting) { return eventSource }
        let parts = source.collections.count == 1 && !source.watchesWholeDatabase ? source.collections : []
        let eventSource = ([database] + parts).map { "/" + Self.percentEncoded($0) }.joined()
        derive(setting, as: eventSource)
        return eventSource
    }

    /// `text` as one segment of a URI's path: all but the unreserved characters encoded (RFC 3986, section 2.3).
    private static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            if byte.isLetterOrDigit || "-._~".utf8.contains(byte) { return String(UnicodeScalar(byte)) }
            return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
