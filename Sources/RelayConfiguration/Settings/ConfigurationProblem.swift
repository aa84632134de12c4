/// One reason why the relay cannot start with this configuration.
public struct ConfigurationProblem: Error, Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The variable to change, as it was written: `DESTINATION_LEDGER_SCHEMA`. A YAML key where no variable fits.
    public let variable: String
    /// What was found, secrets as `***`; nil where nothing was, or it does not matter.
    public let found: String?
    /// What is accepted; nil where nothing is.
    public let accepted: String?
    /// What is wrong, to stand behind the variable's name.
    public let sentence: String

    init(_ variable: String, _ sentence: String, found: String? = nil, accepted: String? = nil) {
        self.variable = variable
        self.found = found
        self.accepted = accepted
        self.sentence = sentence
    }

    /// All of it on one line.
    public var description: String {
        var line = "\(variable) \(sentence)"
        if let found { line += "; found: \(found)" }
        if let accepted { line += "; accepted: \(accepted)" }
        return line
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.variable, left.sentence, left.found ?? "") < (right.variable, right.sentence, right.found ?? "")
    }
}

/// All reasons why the relay cannot start with this configuration. The process ends with code 78 (`EX_CONFIG`).
public struct ConfigurationProblems: Error, Sendable, CustomStringConvertible {
    /// The problems, sorted, at least one, each once.
    public let problems: [ConfigurationProblem]

    init(_ problems: some Sequence<ConfigurationProblem>) {
        self.problems = Set(problems).sorted()
    }

    /// The problems, one a line.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}
