extension RelaySettings {
    /// Reads the configuration: the environment over the YAML file over defaults.
    ///
    /// - Parameters:
    ///   - environment: The process's environment. Names outside our prefixes are ignored, and so is what Kubernetes
    ///     injects for services.
    ///   - configFile: The YAML file of `--config`, which goes before `RELAY_CONFIG`.
    ///   - logLevel: The level of `--log-level`, which goes before `RELAY_LOG_LEVEL`.
    /// - Throws: Everything that is wrong, at once.
    public static func load(
        environment: [String: String], configFile: String? = nil, logLevel: String? = nil
    ) throws(ConfigurationProblems) -> RelaySettings {
        // Which file to read is itself a variable, so that the environment is read for it first.
        var first = SettingsReader(layers: ValueLayers(environment: environment))
        let path = configFile ?? first.optional(ConfigurationTable.Relay.config)
        let yaml = path.map { YAMLFile(path: $0, namedBy: configFile == nil ? "RELAY_CONFIG" : "--config") }

        var reader = SettingsReader(layers: ValueLayers(environment: environment, yaml: yaml), logLevel: logLevel)
        if let configFile {
            reader.note(ConfigurationTable.Relay.config.variable.name, configFile, .commandLine(option: "--config"))
        } else {
            _ = reader.optional(ConfigurationTable.Relay.config)
        }
        reader.add(yaml?.problems ?? [])
        let names = reader.destinationNames()
        var settings = reader.settings(destinationNames: names)
        // With names that were refused, nobody can tell which options are unknown.
        let hasSoundNames = !reader.failed.contains(ConfigurationTable.Destination.names.variable.name)
        if hasSoundNames { reader.add(UnknownNames(layers: reader.layers, destinations: names).problems) }

        let review = SettingsReview(
            settings: settings, resolved: reader.resolved, failed: reader.failed, hasNamedDestinations: names != nil)
        reader.add(Contradictions.problems(in: review))
        reader.add(IneffectiveOptions.problems(in: review))
        reader.add(UnbuiltFeatures.problems(in: review))
        guard reader.problems.isEmpty else { throw ConfigurationProblems(reader.problems) }
        settings.report = review.report(reader.entries)
        return settings
    }
}

extension SettingsReview {
    /// The entries in the order of the table; options of destinations once for each destination they have an effect on.
    func report(_ entries: [String: ConfigurationEntry]) -> [ConfigurationEntry] {
        let relay = ConfigurationTable.variables.filter { variable in
            !variable.isOfDestination && variable.applicability.holds(for: settings.source, nil)
        }.compactMap { entries[$0.name] }
        let destinations = settings.destinations.flatMap { destination in
            ConfigurationTable.variables.filter { variable in
                variable.isOfDestination && variable.applicability.holds(for: settings.source, destination)
            }.compactMap { entries[$0.name(for: hasNamedDestinations ? destination.name : nil)] }
        }
        return relay + destinations
    }
}
