/// A text that is not a value of its format.
///
/// `reason` is part of a sentence for people. It never holds the text itself, which may be a secret.
struct MalformedValue: Error {
    let reason: String?

    init(_ reason: String? = nil) { self.reason = reason }
}

/// How the text of a variable becomes a value, and how to say what is accepted.
struct ValueFormat<Value: Sendable>: Sendable {
    /// What is accepted, for errors and the documentation: `a duration from 1s to 5m`.
    let accepted: String
    /// Whether an empty text is a value. Everywhere else it is a mistake: mostly a secret that was not filled in.
    let allowsEmpty: Bool
    /// The value of a text, or why it has none.
    let parse: @Sendable (String) throws(MalformedValue) -> Value

    init(
        _ accepted: String, allowsEmpty: Bool = false,
        parse: @escaping @Sendable (String) throws(MalformedValue) -> Value
    ) {
        self.accepted = accepted
        self.allowsEmpty = allowsEmpty
        self.parse = parse
    }
}

extension ValueFormat where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the words of an enumeration, spelled exactly.
    static var choice: Self {
        let words = Value.allCases.map { "`\($0.rawValue)`" }
        let accepted = words.count == 2 ? words.joined(separator: " or ") : "one of " + words.joined(separator: ", ")
        return Self(accepted) { text throws(MalformedValue) in
            guard let value = Value(rawValue: text) else { throw MalformedValue() }
            return value
        }
    }
}

extension ValueFormat where Value == Bool {
    /// `true` or `false`.
    static var boolean: Self {
        Self("`true` or `false`") { text throws(MalformedValue) in
            switch text {
            case "true": return true
            case "false": return false
            default: throw MalformedValue()
            }
        }
    }
}

extension ValueFormat where Value == Int {
    /// A whole number of `range`, in decimal digits.
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self("a whole number from \(range.lowerBound) to \(range.upperBound)") { text throws(MalformedValue) in
            guard let value = Int(text), text.first != "+" else { throw MalformedValue() }
            guard range.contains(value) else { throw MalformedValue("is out of range") }
            return value
        }
    }

    /// A number of bytes in `range`, with a unit.
    static func size(_ range: ClosedRange<Int>) -> Self {
        let bounds = "\(SizeText.text(of: range.lowerBound)) to \(SizeText.text(of: range.upperBound))"
        return Self("a size from \(bounds) (`B`, `KiB`, `MiB`, `GiB`)") { text throws(MalformedValue) in
            let value = try SizeText.bytes(of: text)
            guard range.contains(value) else { throw MalformedValue("is out of range") }
            return value
        }
    }
}

extension ValueFormat where Value == Duration {
    /// A time span in `range`, with a unit.
    static func duration(_ range: ClosedRange<Duration>) -> Self {
        let bounds = "\(DurationText.text(of: range.lowerBound)) to \(DurationText.text(of: range.upperBound))"
        return Self("a duration from \(bounds) (`ms`, `s`, `m`, `h`, `d`)") { text throws(MalformedValue) in
            let value = try DurationText.duration(of: text)
            guard range.contains(value) else { throw MalformedValue("is out of range") }
            return value
        }
    }
}
