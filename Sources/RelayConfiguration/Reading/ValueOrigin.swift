/// Where a value came from.
enum ValueOrigin: Sendable, Hashable {
    case commandLine(option: String)
    case environment(name: String)
    /// A file that a `NAME_FILE` variable names.
    case environmentFile(name: String, path: String)
    case yaml(file: String, key: String)
    /// A file that a key of the YAML file names.
    case yamlFile(file: String, key: String, path: String)
    /// Nothing was set.
    case defaultValue

    /// For `config`.
    var description: String {
        switch self {
        case .commandLine(let option): "command line \(option)"
        case .environment(let name): "environment \(name)"
        case .environmentFile(let name, let path): "\(name) \(path)"
        case .yaml(let file, let key): "file \(file) \(key)"
        case .yamlFile(let file, let key, let path): "file \(file) \(key) \(path)"
        case .defaultValue: "default"
        }
    }

    /// For problems: nothing where the variable's own name says it already.
    var remark: String {
        switch self {
        case .environment, .defaultValue: ""
        case .commandLine(let option): " (set by \(option))"
        case .environmentFile(let name, let path): " (set by \(name), \(path))"
        case .yaml(let file, let key): " (set in \(file) as \(key))"
        case .yamlFile(let file, let key, let path): " (set in \(file) as \(key), \(path))"
        }
    }
}

/// A text that was set, and where.
struct RawValue: Sendable {
    let text: String
    let origin: ValueOrigin
}
