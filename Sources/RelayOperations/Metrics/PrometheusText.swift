/// The Prometheus text exposition format, version 0.0.4.
enum PrometheusText {
    /// The value of `Content-Type` for this format.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// `families` as text, sorted by name. Of two families with one name the first is written: a name that
    /// appears twice makes Prometheus refuse the whole scrape. Families without samples are left out.
    static func render(_ families: [MetricFamily]) -> String {
        var seen: Set<String> = []
        let unique = families.filter { !$0.samples.isEmpty && seen.insert($0.name).inserted }
        var text = ""
        text.reserveCapacity(16 * 1024)
        for family in unique.sorted(by: { $0.name < $1.name }) {
            text += "# HELP \(family.name) \(escapedHelp(family.help))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples { write(sample, of: family.name, into: &text) }
        }
        return text
    }

    private static func write(_ sample: MetricSample, of name: String, into text: inout String) {
        text += name
        text += sample.suffix
        if !sample.labels.isEmpty {
            text += "{"
            for (index, label) in sample.labels.enumerated() {
                if index > 0 { text += "," }
                text += label.name
                text += "=\""
                text += escapedLabel(label.value)
                text += "\""
            }
            text += "}"
        }
        text += " "
        text += sample.value
        text += "\n"
    }

    /// A number as the format wants it: whole numbers without a fraction, `NaN`, `+Inf`, `-Inf`.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 9_007_199_254_740_992 { return "\(Int64(value))" }
        return "\(value)"
    }

    /// A label's value with backslash, quote and line feed escaped. NUL, which ends Prometheus' input
    /// wherever it stands, becomes U+FFFD.
    static func escapedLabel(_ value: String) -> String {
        escaped(value, quote: true)
    }

    private static func escapedHelp(_ value: String) -> String {
        escaped(value, quote: false)
    }

    private static func escaped(_ value: String, quote: Bool) -> String {
        // On scalars, not characters: a carriage return and a line feed are one character in Swift.
        var text = String.UnicodeScalarView()
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text.append(contentsOf: "\\\\".unicodeScalars)
            case "\n": text.append(contentsOf: "\\n".unicodeScalars)
            case "\"" where quote: text.append(contentsOf: "\\\"".unicodeScalars)
            case "\0": text.append("\u{FFFD}")
            default: text.append(scalar)
            }
        }
        return String(text)
    }

    /// `name` with what a metric name may not hold (`[a-zA-Z_:][a-zA-Z0-9_:]*`) replaced by `_`.
    static func metricName(_ name: String) -> String {
        legal(name, colon: true)
    }

    /// `name` as a label name (`[a-zA-Z_][a-zA-Z0-9_]*`). Names that the format reserves (`le`, and those
    /// that begin with two underscores) are prefixed.
    static func labelName(_ name: String) -> String {
        let name = legal(name, colon: false)
        return name == "le" || name.hasPrefix("__") ? "exported_" + name : name
    }

    private static func legal(_ name: String, colon: Bool) -> String {
        var text = String.UnicodeScalarView()
        for scalar in name.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": text.append(scalar)
            case ":" where colon: text.append(scalar)
            case "0"..."9":
                if text.isEmpty { text.append("_") }
                text.append(scalar)
            default: text.append("_")
            }
        }
        return text.isEmpty ? "_" : String(text)
    }
}
