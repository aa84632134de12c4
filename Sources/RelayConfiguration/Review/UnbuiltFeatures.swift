/// What the configuration knows and this version cannot do yet. It is refused at the start: an option that is accepted
/// and ignored would promise what does not happen. Each line goes when its feature comes.
enum UnbuiltFeatures {
    static func problems(in review: SettingsReview) -> [ConfigurationProblem] {
        source(review)
            + review.settings.destinations.flatMap { destination($0, review) }
    }

    private static func source(_ review: SettingsReview) -> [ConfigurationProblem] {
        typealias Table = ConfigurationTable.Source
        let source = review.settings.source
        return unbuilt(review, Table.capture.variable, if: source.capture != .stream, accepted: "`stream`")
    }

    private static func destination(
        _ destination: DestinationSettings, _ review: SettingsReview
    ) -> [ConfigurationProblem] {
        typealias Table = ConfigurationTable.Destination
        return unbuilt(
            review, ConfigurationTable.Queue.engine.variable, destination,
            if: destination.queue != .native, accepted: "`native`")
            + unbuilt(
                review, Table.partitions.variable, destination, if: destination.partitions != 1, accepted: "1")
    }

    /// A problem where the variable was set and `isUnbuilt`.
    private static func unbuilt(
        _ review: SettingsReview, _ variable: ConfigurationVariable, _ destination: DestinationSettings? = nil,
        if isUnbuilt: Bool, accepted: String
    ) -> [ConfigurationProblem] {
        guard isUnbuilt, let set = review.set(variable, destination) else { return [] }
        return [
            ConfigurationProblem(
                set.name, "asks for something that this version cannot do yet", found: set.shown, accepted: accepted)
        ]
    }
}
