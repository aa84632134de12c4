/// A value that was set and understood.
struct ResolvedValue: Sendable {
    /// The variable as it was written: `DESTINATION_RETENTION` also where it holds for the destination `ledger`.
    let name: String
    /// The value for people, without secrets.
    let shown: String
}

/// Reads settings one by one and notes every problem, so that all of them can be told at once.
struct SettingsReader {
    let layers: ValueLayers
    /// The level of `--log-level`, which goes before everything.
    let logLevel: String?
    private(set) var problems: [ConfigurationProblem] = []
    /// What was set, by the variable's full name.
    private(set) var resolved: [String: ResolvedValue] = [:]
    /// Full names of variables whose values were refused: nothing more can be concluded from them.
    private(set) var failed: Set<String> = []
    private(set) var entries: [String: ConfigurationEntry] = [:]

    init(layers: ValueLayers, logLevel: String? = nil) {
        self.layers = layers
        self.logLevel = logLevel
    }

    /// The value of a variable that has a default.
    mutating func value<Value>(_ setting: Setting<Value>, of destination: String? = nil) -> Value {
        guard let value = optional(setting, of: destination) else {
            preconditionFailure("\(setting.variable.name) has no default that can be parsed")
        }
        return value
    }

    /// The value of a variable; its default, or nil, where nothing is set or what is set was refused.
    mutating func optional<Value>(_ setting: Setting<Value>, of destination: String? = nil) -> Value? {
        let variable = setting.variable
        let fullName = variable.name(for: destination)
        do throws(ConfigurationProblem) {
            if let (raw, name) = try find(variable, of: destination) {
                return try parse(raw, setting, name: name, fullName: fullName)
            }
        } catch {
            problems.append(error)
            failed.insert(fullName)
        }
        entries[fullName] = ConfigurationEntry(variable: fullName, value: variable.defaultText, origin: "default")
        return variable.defaultText.flatMap { try? setting.format.parse($0) }
    }

    /// Notes that the variable, where it is not set, holds `value`.
    mutating func derive<Value>(_ setting: Setting<Value>, as value: String) {
        let name = setting.variable.name
        guard resolved[name] == nil, !failed.contains(name) else { return }
        let shown = setting.variable.disclosure.report(value)
        entries[name] = ConfigurationEntry(variable: name, value: shown, origin: "default")
    }

    /// Notes a value that was understood elsewhere.
    mutating func note(_ name: String, _ shown: String, _ origin: ValueOrigin) {
        resolved[name] = ResolvedValue(name: name, shown: shown)
        entries[name] = ConfigurationEntry(variable: name, value: shown, origin: origin.description)
    }

    /// Notes a problem; `name` counts as refused.
    mutating func refuse(_ name: String, _ problem: ConfigurationProblem) {
        problems.append(problem)
        failed.insert(name)
    }

    /// Notes problems that leave the values as they are.
    mutating func add(_ more: [ConfigurationProblem]) { problems += more }

    /// What is set for the variable: under the destination's own name, else as the default of all.
    private func find(
        _ variable: ConfigurationVariable, of destination: String?
    ) throws(ConfigurationProblem) -> (RawValue, name: String)? {
        if variable.name == ConfigurationTable.Relay.logLevel.variable.name, let logLevel {
            return (RawValue(text: logLevel, origin: .commandLine(option: "--log-level")), variable.name)
        }
        if let raw = try layers.find(variable, of: destination) { return (raw, variable.name(for: destination)) }
        guard destination != nil, variable.isSharedByDestinations else { return nil }
        return try layers.find(variable, of: nil).map { ($0, variable.name) }
    }

    private mutating func parse<Value>(
        _ raw: RawValue, _ setting: Setting<Value>, name: String, fullName: String
    ) throws(ConfigurationProblem) -> Value {
        let value = try Self.checked(raw, setting.variable, name) { text throws(MalformedValue) in
            try setting.format.parse(text)
        }
        let shown = setting.variable.disclosure.report(raw.text)
        resolved[fullName] = ResolvedValue(name: name, shown: shown)
        entries[fullName] = ConfigurationEntry(variable: fullName, value: shown, origin: raw.origin.description)
        return value
    }

    /// `parse` of the text, with what it refuses as a problem of the variable `name`.
    static func checked<Value>(
        _ raw: RawValue, _ variable: ConfigurationVariable, _ name: String,
        parse: (String) throws(MalformedValue) -> Value
    ) throws(ConfigurationProblem) -> Value {
        guard !raw.text.isEmpty || variable.allowsEmpty else {
            throw ConfigurationProblem(name, "is empty\(raw.origin.remark)", accepted: variable.accepted)
        }
        do throws(MalformedValue) {
            return try parse(raw.text)
        } catch {
            throw ConfigurationProblem(
                name, "\(error.reason ?? "is not what it should be")\(raw.origin.remark)",
                found: variable.disclosure.refused(raw.text), accepted: variable.accepted)
        }
    }
}
