/// Durations as they are written in the configuration: `250ms`, `15s`, `5m`, `24h`, `7d`.
public enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// `duration` in the largest unit that divides it; parts below a millisecond are dropped.
    public static func text(of duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        for unit in units where milliseconds != 0 && milliseconds.isMultiple(of: unit.milliseconds) {
            return "\(milliseconds / unit.milliseconds)\(unit.name)"
        }
        return "0s"
    }

    /// The duration that `text` names: digits and one unit, nothing else.
    static func duration(of text: String) throws(MalformedValue) -> Duration {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text.dropFirst(digits.count)
        guard !digits.isEmpty else { throw MalformedValue("is not a duration") }
        guard !suffix.isEmpty else { throw MalformedValue("has no unit") }
        guard let unit = units.first(where: { $0.name == suffix }) else { throw MalformedValue("is not a duration") }
        guard let count = Int64(digits) else { throw MalformedValue("is out of range") }
        let (milliseconds, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
        guard !overflow else { throw MalformedValue("is out of range") }
        return .milliseconds(milliseconds)
    }
}
