/// How much of a value people may see.
public enum Disclosure: Sendable {
    /// All of it.
    case plain
    /// A URI: all but passwords and sensitive parameters.
    case uri
    /// Public, but long: only its size.
    case bulk
    /// Nothing.
    case secret
}

extension Disclosure {
    /// A well-formed value, for reports.
    func report(_ text: String) -> String {
        switch self {
        case .plain, .uri: oneLine(Redaction.text(text), most: 200)
        case .bulk: "(\(text.utf8.count) bytes)"
        case .secret: Redaction.mask
        }
    }

    /// A refused value, for problems. Of a URI that does not parse only the scheme can be shown.
    func refused(_ text: String) -> String {
        switch self {
        case .plain: "\"\(oneLine(Redaction.text(text), most: 80))\""
        case .uri: "\"\(oneLine(Redaction.malformedURI(text), most: 80))\""
        case .bulk: "(\(text.utf8.count) bytes)"
        case .secret: Redaction.mask
        }
    }

    /// `text` on one line, cut behind `most` characters.
    private func oneLine(_ text: String, most: Int) -> String {
        var line = ""
        for scalar in text.unicodeScalars.prefix(most) {
            let isControl = String(scalar).hasControlCharacters
            line += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }
        return text.unicodeScalars.count > most ? line + "…" : line
    }
}
