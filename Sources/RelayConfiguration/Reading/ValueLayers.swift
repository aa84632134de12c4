/// The texts that were set, by environment and YAML file, before any of them is understood.
struct ValueLayers: Sendable {
    /// The environment without what Kubernetes injects.
    let environment: [String: String]
    let yaml: YAMLFile?

    init(environment: [String: String], yaml: YAMLFile? = nil) {
        self.environment = environment.filter { !KubernetesVariables.isInjected($0.key, value: $0.value) }
        self.yaml = yaml
    }

    /// What is set for `variable` of `destination`: the environment goes before the file.
    func find(_ variable: ConfigurationVariable, of destination: String?) throws(ConfigurationProblem) -> RawValue? {
        if let value = try fromEnvironment(variable.name(for: destination)) { return value }
        guard let yaml, let key = variable.yamlKey(for: destination) else { return nil }
        return try from(yaml, key: key, variable, name: variable.name(for: destination))
    }

    private func fromEnvironment(_ name: String) throws(ConfigurationProblem) -> RawValue? {
        let fileName = name + "_FILE"
        switch (environment[name], environment[fileName]) {
        case (nil, nil): return nil
        case (.some, .some):
            throw ConfigurationProblem(name, "is set together with \(fileName): remove one of them")
        case (let text?, nil):
            return RawValue(text: text, origin: .environment(name: name))
        case (nil, let path?):
            let text = try contents(of: path, namedBy: fileName)
            return RawValue(text: text, origin: .environmentFile(name: fileName, path: path))
        }
    }

    private func from(
        _ yaml: YAMLFile, key: String, _ variable: ConfigurationVariable, name: String
    ) throws(ConfigurationProblem) -> RawValue? {
        let fileKey = key + "File"
        switch (yaml.values[key], yaml.values[fileKey]) {
        case (nil, nil): return nil
        case (.some, .some):
            throw ConfigurationProblem(name, "is set in \(yaml.path) as \(key) and as \(fileKey): remove one of them")
        case (let value?, nil):
            let origin = ValueOrigin.yaml(file: yaml.path, key: key)
            return RawValue(text: try text(of: value, variable, name, origin), origin: origin)
        case (nil, let value?):
            guard case .text(let path) = value else {
                throw ConfigurationProblem(name, "must be the path of a file (set in \(yaml.path) as \(fileKey))")
            }
            let text = try contents(of: path, namedBy: "\(fileKey) in \(yaml.path)")
            return RawValue(text: text, origin: .yamlFile(file: yaml.path, key: fileKey, path: path))
        }
    }

    private func text(
        of value: YAMLFile.Value, _ variable: ConfigurationVariable, _ name: String, _ origin: ValueOrigin
    ) throws(ConfigurationProblem) -> String {
        switch value {
        case .text(let text): return text
        case .list(let elements):
            guard let separator = variable.listSeparator else {
                throw ConfigurationProblem(name, "takes no list\(origin.remark)", accepted: variable.accepted)
            }
            guard !elements.contains(where: { $0.contains(separator) }) else {
                throw ConfigurationProblem(name, "has a list element that is itself a list\(origin.remark)")
            }
            return elements.joined(separator: separator)
        case .other:
            throw ConfigurationProblem(name, "takes no mapping\(origin.remark)", accepted: variable.accepted)
        }
    }

    private func contents(of path: String, namedBy name: String) throws(ConfigurationProblem) -> String {
        guard !path.isEmpty else { throw ConfigurationProblem(name, "is empty", accepted: "the path of a file") }
        do throws(TextFile.Unreadable) {
            return TextFile.withoutFinalNewline(try TextFile.read(path))
        } catch {
            throw ConfigurationProblem(name, "names a file that cannot be read: \(path): \(error.reason)")
        }
    }
}
