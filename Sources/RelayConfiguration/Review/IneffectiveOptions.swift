/// Options that were set where they do nothing: whoever set them expects something.
enum IneffectiveOptions {
    static func problems(in review: SettingsReview) -> [ConfigurationProblem] {
        ConfigurationTable.variables.flatMap { variable in
            variable.isOfDestination ? ofDestinations(variable, review) : ofRelay(variable, review)
        }
    }

    private static func ofRelay(_ variable: ConfigurationVariable, _ review: SettingsReview) -> [ConfigurationProblem] {
        let deciding = [ConfigurationTable.Source.kind.variable, ConfigurationTable.Source.capture.variable]
        guard review.isSound(deciding), let set = review.set(variable),
            !variable.applicability.holds(for: review.settings.source, nil)
        else { return [] }
        return [problem(set.name, variable)]
    }

    /// One destination's own option must do something there, a default of all somewhere.
    private static func ofDestinations(
        _ variable: ConfigurationVariable, _ review: SettingsReview
    ) -> [ConfigurationProblem] {
        let deciding = [ConfigurationTable.Destination.url.variable, ConfigurationTable.Queue.engine.variable]
        var names: Set<String> = []
        var effective: Set<String> = []
        for destination in review.settings.destinations {
            guard let set = review.set(variable, destination) else { continue }
            names.insert(set.name)
            let isKnown =
                review.isSound(deciding, destination) && review.isSound([ConfigurationTable.Source.kind.variable])
            if !isKnown || variable.applicability.holds(for: review.settings.source, destination) {
                effective.insert(set.name)
            }
        }
        return names.subtracting(effective).map { problem($0, variable) }
    }

    private static func problem(_ name: String, _ variable: ConfigurationVariable) -> ConfigurationProblem {
        ConfigurationProblem(name, "has no effect here: it is for \(variable.applicability.rawValue) only")
    }
}
