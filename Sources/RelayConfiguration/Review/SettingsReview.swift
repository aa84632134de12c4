/// What was read, to be looked at as a whole: whether the parts fit one another.
struct SettingsReview {
    let settings: RelaySettings
    let resolved: [String: ResolvedValue]
    let failed: Set<String>
    /// Whether destinations have names of their own.
    let hasNamedDestinations: Bool

    /// What was set for the variable; nil where its default holds.
    func set(_ variable: ConfigurationVariable, _ destination: DestinationSettings? = nil) -> ResolvedValue? {
        resolved[fullName(variable, destination)]
    }

    /// The variable to name in a problem: as it was written, else as it would be.
    func name(_ variable: ConfigurationVariable, _ destination: DestinationSettings? = nil) -> String {
        set(variable, destination)?.name ?? fullName(variable, destination)
    }

    /// The value to show in a problem.
    func shown(_ variable: ConfigurationVariable, _ destination: DestinationSettings? = nil) -> String {
        set(variable, destination)?.shown ?? variable.defaultText ?? "nothing"
    }

    /// Whether none of the variables was refused. What was refused holds a stand-in, which contradicts nothing.
    func isSound(_ variables: [ConfigurationVariable], _ destination: DestinationSettings? = nil) -> Bool {
        variables.allSatisfy { !failed.contains(fullName($0, destination)) }
    }

    private func fullName(_ variable: ConfigurationVariable, _ destination: DestinationSettings?) -> String {
        variable.name(for: hasNamedDestinations ? destination?.name : nil)
    }

    /// A problem of the two variables where `isWrong`, unless one of them was refused already.
    func conflict(
        _ first: ConfigurationVariable, _ second: ConfigurationVariable, _ destination: DestinationSettings? = nil,
        if isWrong: Bool, _ sentence: String
    ) -> [ConfigurationProblem] {
        guard isWrong, isSound([first, second], destination) else { return [] }
        let other = "\(name(second, destination)) is \(shown(second, destination))"
        return [
            ConfigurationProblem(name(first, destination), "\(sentence): \(other)", found: shown(first, destination))
        ]
    }
}
