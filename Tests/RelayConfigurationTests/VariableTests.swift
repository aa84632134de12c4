import Testing

@testable import RelayConfiguration

@Suite struct VariableTests {
    /// What is read of one variable, without the review of the whole, which refuses most of them for lack of a webhook.
    private func read(_ sample: Sample, environment: [String: String], yaml: YAMLFile? = nil) -> SettingsReader {
        var reader = SettingsReader(layers: ValueLayers(environment: environment, yaml: yaml))
        _ = reader.optional(ConfigurationTable.Relay.config)
        let names = reader.destinationNames()
        _ = reader.settings(destinationNames: sample.name == "DESTINATIONS" ? nil : names)
        return reader
    }

    private func base(without name: String) -> [String: String] { minimal.filter { $0.key != name } }

    @Test func everyVariableHasSamples() {
        let sampled = Sample.all.map(\.name).sorted()
        #expect(sampled == ConfigurationTable.variables.map(\.name).sorted())
    }

    @Test func everyDefaultIsAccepted() throws {
        for variable in ConfigurationTable.variables {
            guard let text = variable.defaultText else { continue }
            #expect(throws: Never.self, "\(variable.name)") { try variable.check(text) }
        }
    }

    @Test(arguments: Sample.all.map(\.name)) func goodValues(name: String) throws {
        let sample = try #require(Sample.all.first { $0.name == name })
        let variable = try #require(ConfigurationTable.variables.first { $0.name == name })
        let folder = try TemporaryFolder()
        for good in sample.good {
            let direct = read(sample, environment: base(without: name).merging([name: good]) { $1 })
            #expect(direct.problems.isEmpty, "\(name)=\(good)")
            #expect(direct.entries[name]?.origin == "environment \(name)")

            for ending in ["", "\n", "\r\n"] {
                let path = try folder.file("value", good + ending)
                let filed = read(sample, environment: base(without: name).merging([name + "_FILE": path]) { $1 })
                #expect(filed.problems.isEmpty, "\(name)_FILE with \(good)")
                #expect(filed.entries[name]?.value == direct.entries[name]?.value)
                #expect(filed.entries[name]?.origin == "\(name)_FILE \(path)")
            }
            guard let key = variable.yamlKey else { continue }
            let path = try folder.file("relay.yaml", Self.yaml(key, good))
            let yaml = YAMLFile(path: path, namedBy: "RELAY_CONFIG")
            let written = read(sample, environment: base(without: name), yaml: yaml)
            #expect(written.problems.isEmpty && yaml.problems.isEmpty, "\(key): \(good)")
            #expect(written.entries[name]?.value == direct.entries[name]?.value)
            #expect(written.entries[name]?.origin == "file \(path) \(key)")

            let reference = try folder.file("reference.yaml", Self.yaml(key + "File", try folder.file("value", good)))
            let referred = read(
                sample, environment: base(without: name), yaml: YAMLFile(path: reference, namedBy: "RELAY_CONFIG"))
            #expect(referred.problems.isEmpty, "\(key)File with \(good)")
            #expect(referred.entries[name]?.value == direct.entries[name]?.value)
        }
    }

    @Test(arguments: Sample.all.map(\.name)) func badValues(name: String) throws {
        let sample = try #require(Sample.all.first { $0.name == name })
        let variable = try #require(ConfigurationTable.variables.first { $0.name == name })
        let folder = try TemporaryFolder()
        for bad in sample.bad {
            let environment = base(without: name).merging([name: bad]) { $1 }
            expectRefused(read(sample, environment: environment), variable, bad)
            guard let key = variable.yamlKey else { continue }
            let yaml = YAMLFile(path: try folder.file("relay.yaml", Self.yaml(key, bad)), namedBy: "RELAY_CONFIG")
            expectRefused(read(sample, environment: base(without: name), yaml: yaml), variable, bad)
        }
    }

    private func expectRefused(_ reader: SettingsReader, _ variable: ConfigurationVariable, _ bad: String) {
        #expect(reader.problems.count == 1, "\(variable.name)=\(bad): \(reader.problems)")
        guard let problem = reader.problems.first else { return }
        #expect(problem.variable == variable.name)
        #expect(problem.accepted == variable.accepted)
        #expect(bad.isEmpty ? problem.sentence.hasPrefix("is empty") : problem.found != nil, "\(problem)")
        #expect(!problem.description.contains("\n"))
        if variable.disclosure == .secret { #expect(!problem.description.contains("hunter2")) }
    }

    /// A YAML document that holds `text` under the dotted `key`.
    static func yaml(_ key: String, _ text: String) -> String {
        let escaped = text.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
            .split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
            .split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
        let parts = key.split(separator: ".")
        let lines = parts.enumerated().map { index, part in String(repeating: "  ", count: index) + part + ":" }
        return lines.joined(separator: "\n") + " \"\(escaped)\"\n"
    }

    @Test func keysOfTheYAMLFile() {
        let keys = Dictionary(uniqueKeysWithValues: ConfigurationTable.variables.map { ($0.name, $0.yamlKey) })
        #expect(keys["SOURCE_FIELD_SCHEMA_VERSION"] == "source.field.schemaVersion")
        #expect(keys["MONGODB_URI"] == "mongodb.uri")
        #expect(keys["RELAY_LEASE_TTL"] == "relay.leaseTtl")
        #expect(keys["DESTINATION_OAUTH_TOKEN_URL"] == "destination.oauthTokenUrl")
        #expect(keys["RELAY_CONFIG"] == .some(nil))
        #expect(Set(ConfigurationTable.variables.compactMap(\.yamlKey)).count == ConfigurationTable.variables.count - 2)
    }
}
