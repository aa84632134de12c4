import Yams

/// The YAML file as flat, dotted keys with the texts of their scalars.
struct YAMLFile: Sendable {
    /// What stands behind a key that is no section.
    enum Value: Sendable {
        case text(String)
        case list([String])
        /// A mapping, or a list of something other than scalars.
        case other
    }

    /// As it was given, for people.
    let path: String
    /// `source.field.id` and its value.
    private(set) var values: [String: Value] = [:]
    /// Keys of the mapping `destinations` in their order; nil where there is no such mapping.
    private(set) var destinationNames: [String]?
    /// What is wrong with the file as such.
    private(set) var problems: [ConfigurationProblem] = []

    /// Keys behind which a mapping is expected.
    static let sections: Set<String> = [
        "relay", "mongodb", "source", "source.field", "destination", "destinations", "compensation",
    ]

    /// Reads the file at `path`, which `variable` names.
    init(path: String, namedBy variable: String) {
        self.path = path
        do throws(TextFile.Unreadable) {
            compose(try TextFile.read(path), variable)
        } catch {
            refuse("names a file that cannot be read: \(path): \(error.reason)", variable)
        }
    }

    private mutating func compose(_ text: String, _ variable: String) {
        do {
            guard let root = try Yams.compose(yaml: text) else { return }
            if case .scalar(let scalar) = root, scalar.string.isEmpty { return }
            guard case .mapping(let mapping) = root else {
                return refuse("names a file that is no YAML mapping: \(path)", variable)
            }
            walk(mapping, prefix: "")
        } catch {
            refuse("names a file that is no valid YAML: \(path)\(Self.reason(error))", variable)
        }
    }

    private mutating func refuse(_ sentence: String, _ variable: String) {
        problems.append(ConfigurationProblem(variable, sentence))
    }

    /// Line and kind of an error. Never Yams's own description: it quotes the line, and there may be a secret in it.
    private static func reason(_ error: any Error) -> String {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ", line \(mark.line): \(problem)"
        case .duplicatedKeysInMapping(let keys, let context):
            ", line \(context.mark.line): a key is there twice: \(keys.sorted().joined(separator: ", "))"
        default: ""
        }
    }

    private mutating func walk(_ mapping: Node.Mapping, prefix: String) {
        for (key, node) in mapping {
            guard case .scalar(let name) = key, !name.string.contains(".") else {
                let line = key.mark.map { ", line \($0.line)" } ?? ""
                problems.append(ConfigurationProblem("\(prefix)?", "is no key of one word: \(path)\(line)"))
                continue
            }
            read(node, key: prefix + name.string)
        }
    }

    private mutating func read(_ node: Node, key: String) {
        let isSection = Self.sections.contains(key) || isDestination(key)
        let isNull = node.tag == Tag(.null)
        // A section without entries is what remains when all of them are commented out.
        if isSection, isNull { return }
        switch node {
        case .mapping(let mapping):
            guard isSection else {
                values[key] = .other
                return
            }
            if key == "destinations" { destinationNames = mapping.keys.compactMap { $0.scalar?.string } }
            walk(mapping, prefix: key + ".")
        case .scalar(let scalar):
            values[key] = .text(isNull ? "" : scalar.string)
        case .sequence(let sequence):
            let elements = sequence.compactMap { $0.scalar?.string }
            values[key] = elements.count == sequence.count ? .list(elements) : .other
        case .alias:
            values[key] = .other
        }
    }

    private func isDestination(_ key: String) -> Bool {
        let parts = key.split(separator: ".")
        return parts.count == 2 && parts[0] == "destinations"
    }
}
