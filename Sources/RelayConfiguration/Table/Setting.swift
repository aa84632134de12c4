/// A variable together with the format that makes its text a value.
struct Setting<Value: Sendable>: Sendable {
    let variable: ConfigurationVariable
    let format: ValueFormat<Value>

    /// Describes a variable. `none` says what holds where nothing is set and there is no default to parse.
    init(
        _ name: String, _ format: ValueFormat<Value>, default defaultText: String? = nil, none: String? = nil,
        show disclosure: Disclosure = .plain, in applicability: Applicability = .everywhere,
        shared: Bool = true, separator: String? = nil, yaml: Bool = true, _ meaning: String
    ) {
        self.format = format
        variable = ConfigurationVariable(
            name: name, yamlKey: yaml ? ConfigurationVariable.yamlKey(of: name) : nil, accepted: format.accepted,
            defaultText: defaultText, defaultNote: none, disclosure: disclosure, applicability: applicability,
            isSharedByDestinations: shared, listSeparator: separator, meaning: meaning,
            check: { text throws(MalformedValue) in _ = try format.parse(text) }, allowsEmpty: format.allowsEmpty)
    }
}
