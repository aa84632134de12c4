/// Durations as they are written in the configuration: `250ms`, `15s`, `5m`, `24h`, `7d`.
public enum DurationText {
    private static let milliseconds = UnitText(
        noun: "a duration",
        units: [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)], zero: "0s")

    /// `duration` in the largest unit that divides it; parts below a millisecond are dropped.
    public static func text(of duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return milliseconds.text(of: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    /// The duration that `text` names: digits and one unit, nothing else.
    static func duration(of text: String) throws(MalformedValue) -> Duration {
        .milliseconds(try milliseconds.count(of: text))
    }
}
