/// Finds what was set under a name that nothing reads.
struct UnknownNames {
    private let layers: ValueLayers
    private let names: Set<String>
    private let keys: Set<String>
    private let hasNamedDestinations: Bool

    /// Knows all variables, for the single destination and for each of `destinations`.
    init(layers: ValueLayers, destinations: [String]?) {
        self.layers = layers
        hasNamedDestinations = destinations != nil
        var names: Set<String> = []
        var keys: Set<String> = []
        for variable in ConfigurationTable.variables {
            let owners: [String?] = [nil] + (variable.isOfDestination ? destinations ?? [] : [])
            for owner in owners {
                names.formUnion([variable.name(for: owner), variable.name(for: owner) + "_FILE"])
                if let key = variable.yamlKey(for: owner) { keys.formUnion([key, key + "File"]) }
            }
        }
        self.names = names
        self.keys = keys
    }

    /// A problem for each unknown variable under one of our prefixes and each unknown key of the YAML file. Values are
    /// not shown: nobody knows whether they are secret.
    var problems: [ConfigurationProblem] {
        let unknownNames = layers.environment.keys.filter { name in
            !names.contains(name) && ConfigurationTable.prefixes.contains { name.hasPrefix($0) }
        }
        let unknownKeys = (layers.yaml?.values ?? [:]).keys.filter { !keys.contains($0) }
        return unknownNames.map(problem(ofVariable:)) + unknownKeys.map(problem(ofKey:))
    }

    private func problem(ofVariable name: String) -> ConfigurationProblem {
        let shown = Disclosure.plain.report(name)
        if let owner = undeclaredDestination(in: name) {
            let advice = hasNamedDestinations ? "DESTINATIONS does not name it" : "DESTINATIONS is not set"
            let meant = EditDistance.nearest(to: name, in: names).map { "; did you mean \($0)?" } ?? ""
            return ConfigurationProblem(shown, "is an option of a destination \"\(owner)\", but \(advice)\(meant)")
        }
        let meant = EditDistance.nearest(to: name, in: names).map { "; did you mean \($0)?" } ?? ""
        return ConfigurationProblem(shown, "is an unknown variable\(meant)")
    }

    private func problem(ofKey key: String) -> ConfigurationProblem {
        let shown = Disclosure.plain.report(key)
        let file = layers.yaml?.path ?? ""
        if YAMLFile.sections.contains(key) {
            return ConfigurationProblem(shown, "must be a mapping of options in \(file)")
        }
        let meant = EditDistance.nearest(to: key, in: keys).map { "; did you mean \($0)?" } ?? ""
        return ConfigurationProblem(shown, "is an unknown key in \(file)\(meant)")
    }

    /// `billing` of `DESTINATION_BILLING_URL`, where nothing declares a destination of that name.
    private func undeclaredDestination(in name: String) -> String? {
        guard name.hasPrefix(ConfigurationVariable.destinationPrefix) else { return nil }
        let (owner, option) = name.dropFirst(ConfigurationVariable.destinationPrefix.count).splitOnce(at: "_")
        let owned = owner.lowercased()
        guard let option, DestinationNames.isWellFormed(owned), !DestinationNames.reserved.contains(owned),
            names.contains(ConfigurationVariable.destinationPrefix + option)
        else { return nil }
        return owned
    }
}
